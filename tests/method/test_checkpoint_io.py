from __future__ import annotations

from pathlib import Path

import pytest
import torch

from rfcx_audio.method import WholeCheckpoints, build_trainer
from trust.disk import no_file_above


def test_what_is_written_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "new" / "last.ckpt"
    WholeCheckpoints().save_checkpoint({"epoch": 3, "weights": torch.arange(5)}, path)
    found = WholeCheckpoints().load_checkpoint(path)
    assert found["epoch"] == 3
    assert torch.equal(found["weights"], torch.arange(5))


def test_a_full_disk_leaves_the_checkpoint_before(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    WholeCheckpoints().save_checkpoint({"epoch": 3}, path)
    before = path.read_bytes()
    large = {"epoch": 4, "weights": torch.zeros(100_000)}
    with no_file_above(10_000), pytest.raises(OSError, match=r"last.ckpt could not be written"):
        WholeCheckpoints().save_checkpoint(large, path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["last.ckpt"]


def test_options_that_mean_nothing_here_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="storage_options"):
        WholeCheckpoints().save_checkpoint({}, tmp_path / "last.ckpt", {"key": 1})


def test_the_trainer_writes_with_it(tmp_path: Path) -> None:
    trainer = build_trainer(
        "32-true", "cpu", default_root_dir=tmp_path, logger=False, enable_checkpointing=False
    )
    assert isinstance(trainer.strategy.checkpoint_io, WholeCheckpoints)
