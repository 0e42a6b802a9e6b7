"""If a disk is full, one error names it, and earlier files are unchanged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from quick import words
from rfcx_audio import whole_files
from rfcx_audio.method import WholeCheckpoints
from rfcx_audio.scores import species_columns
from rfcx_audio.scoring import read_checkpoint
from rfcx_audio.scoring.archive import Archive, FileScores
from trust.disk import FULL, has_full_disk, no_file_above
from trust.ledger import Tally, brief_or_long
from trust.test_interruption import differing, run_command

PART = "Interruption"
PROMISE = "a full disk gives one error that names it, and leaves earlier files whole"
SETTINGS = {"duration_s": 6.0, "pool": "max"}


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def is_reported(write: Callable[[], object], folder: Path) -> bool:
    """Whether a failed write is reported, and the files in the folder are unchanged."""
    before = files(folder)
    try:
        write()
    except OSError as error:
        named = "could not be written" in str(error) and "ake room" in str(error)
        return named and files(folder) == before
    return True


def limits(size: int) -> list[int]:
    """Sizes of disks that are too small."""
    return np.linspace(0, size - 1, brief_or_long(10, 200)).astype(int).tolist()


@pytest.mark.promise(PART, PROMISE)
def test_a_checkpoint(tmp_path: Path, tally: Tally) -> None:
    path, io = tmp_path / "last.ckpt", WholeCheckpoints()
    large = {"epoch": 2, "weights": torch.zeros(10_000)}
    io.save_checkpoint(large, path)
    size = path.stat().st_size
    io.save_checkpoint({"epoch": 1}, path)
    for limit in limits(size):
        with no_file_above(limit):
            tally.case(is_reported(lambda: io.save_checkpoint(large, path), tmp_path), f"{limit}")
        assert io.load_checkpoint(path)["epoch"] == 1


def archive_of(folder: Path, count: int) -> Archive:
    paths = {f"{number:03}": Path(f"{number}.wav") for number in range(count)}
    return Archive(folder, paths, SETTINGS, species_columns(24))


def scores(windows: int) -> FileScores:
    rng = np.random.default_rng(windows)
    return FileScores(3.0 * np.arange(windows), rng.random((windows, 24), dtype=np.float32))


@pytest.mark.promise(PART, PROMISE)
def test_the_scores_of_an_archive(tmp_path: Path, tally: Tally) -> None:
    found = archive_of(tmp_path, 2)
    found.keep("000", scores(3))
    found.keep("001", "it is torn")
    found.join({})
    found = archive_of(tmp_path, 3)
    for limit in limits(1000):  # a table of ten windows is larger
        with no_file_above(limit):
            kept = is_reported(lambda: found.keep("002", scores(10)), tmp_path)
            tally.case(kept, f"keep, {limit}")
    assert found.left() == ["002"]
    found.keep("002", scores(10))
    before = (tmp_path / "scores.parquet").read_bytes()
    for limit in limits(2000):  # so is the joined one
        with no_file_above(limit):
            tally.case(is_reported(lambda: found.join({}), tmp_path), f"join, {limit}")
        assert (tmp_path / "scores.parquet").read_bytes() == before
    found.join({})
    assert (tmp_path / "scores.parquet").read_bytes() != before


@pytest.mark.promise(PART, PROMISE)
@pytest.mark.skipif(not has_full_disk(), reason=f"needs {FULL}")
def test_no_space_left_on_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole_files, "uuid4", lambda: SimpleNamespace(hex="full"))
    (tmp_path / ".full.part.json").symlink_to(FULL)
    with pytest.raises(OSError, match=r"settings.json could not be written \(No space left"):
        archive_of(tmp_path, 2)
    (tmp_path / ".last.ckpt.part").symlink_to(FULL)
    with pytest.raises(OSError, match=r"last.ckpt could not be written \(No space left"):
        WholeCheckpoints().save_checkpoint({"weights": torch.zeros(1000)}, tmp_path / "last.ckpt")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.trust
@pytest.mark.promise(PART, PROMISE)
def test_a_training_on_a_disk_that_fills_goes_on_when_there_is_room(
    forest: Path, tmp_path: Path, tally: Tally
) -> None:
    def train(folder: str, epochs: int, *more: str) -> tuple[int, str]:
        few = [f"trainer.max_epochs={epochs}", "scheduler=constant"]
        few += ["callbacks.report.num_pictures=0"]
        run = tmp_path / folder
        done = run_command("train", [*words(forest, run, *few, *more), f"hydra.run.dir={run}"])
        return done.returncode, done.stderr

    whole, run = tmp_path / "whole", tmp_path / "run"
    assert train("whole", 2)[0] == 0
    last = run / "checkpoints" / "last.ckpt"
    with no_file_above(5_000_000):
        assert train("run", 1)[0] == 0
    before = last.read_bytes()
    with no_file_above(len(before) // 2):
        code, output = train("run", 2, f"resume={last}")
    tally.case(code == 1, f"exit code {code}")
    errors = [line for line in output.splitlines() if "could not be written" in line]
    tally.case(len(errors) == 1, output[-2000:])
    tally.case(last.read_bytes() == before and read_checkpoint(last)["epoch"] == 0, "last.ckpt")
    assert train("run", 2, f"resume={last}")[0] == 0
    different = differing(whole, run)
    tally.case(not different, f"continues differently: {different[:5]}")
