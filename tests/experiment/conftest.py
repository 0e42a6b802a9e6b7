"""A study of one run, with a checkpoint after each epoch."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import cast

import pytest
from pytorch_lightning.callbacks import ModelCheckpoint

from quick import words
from rfcx_audio.config import load_config
from rfcx_audio.experiment import train_run


@pytest.fixture(scope="session")
def studied(forest: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a study whose only run has `best`, `last`, and a checkpoint an epoch."""
    folder = tmp_path_factory.mktemp("study")
    run = folder / "masked" / "seed_0"
    more = (
        "loss=masked_bce",
        "trainer.precision=auto",  # as it is scored
        "callbacks.report.num_pictures=0",
        "callbacks.best.filename='{epoch:02d}'",
        "+callbacks.best.save_top_k=-1",
    )
    config = load_config("train", words(forest, run, *more))
    kept = cast(ModelCheckpoint, train_run(config).checkpoint_callback)
    shutil.copy(kept.best_model_path, run / "checkpoints" / "best.ckpt")
    return folder
