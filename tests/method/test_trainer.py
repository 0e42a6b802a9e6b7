from __future__ import annotations

from pathlib import Path

import pytest

from rfcx_audio.method import build_trainer


def test_a_precision_that_is_named_is_kept(tmp_path: Path) -> None:
    trainer = build_trainer(
        "32-true", "cpu", default_root_dir=tmp_path, logger=False, enable_checkpointing=False
    )
    assert trainer.precision == "32-true"


def test_lightning_logs_what_concerns_the_run_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", logger="pytorch_lightning.utilities.rank_zero"):
        build_trainer("32-true", "cpu", default_root_dir=tmp_path, logger=False)
    assert "GPU available" in caplog.text
    assert "Tip" not in caplog.text
