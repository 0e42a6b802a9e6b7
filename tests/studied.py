"""A study of one run, with a checkpoint after each epoch."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import cast

from pytorch_lightning.callbacks import ModelCheckpoint

from quick import words
from rfcx_audio.config import load_config
from rfcx_audio.experiment import train_run


def study_of_one_run(forest: Path, folder: Path) -> Path:
    """The folder of a study; `masked/seed_0` has `best` and a checkpoint per epoch."""
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
