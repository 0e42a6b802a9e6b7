"""`python -m rfcx_audio.train`: trains a network, and tests it where the truth is complete."""

from __future__ import annotations

from typing import cast

from pytorch_lightning.callbacks import ModelCheckpoint

from rfcx_audio.config import DictConfig, entry_point
from rfcx_audio.experiment import train_run


@entry_point("train")
def main(config: DictConfig) -> float | None:
    """The command; returns the best value of what the first checkpoint monitors, for sweepers."""
    kept = cast("ModelCheckpoint", train_run(config).checkpoint_callback)
    return None if kept.best_model_score is None else kept.best_model_score.item()


if __name__ == "__main__":
    main()
