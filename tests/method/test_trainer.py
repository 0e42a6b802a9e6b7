from __future__ import annotations

from pathlib import Path

from rfcx_audio.method import build_trainer


def test_a_precision_that_is_named_is_kept(tmp_path: Path) -> None:
    trainer = build_trainer(
        "32-true", "cpu", default_root_dir=tmp_path, logger=False, enable_checkpointing=False
    )
    assert trainer.precision == "32-true"
