"""`python -m rfcx_audio.train`: trains a network, and tests it where the truth is complete."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from rfcx_audio.config import DictConfig, entry_point

if TYPE_CHECKING:
    from pytorch_lightning.callbacks import ModelCheckpoint


@entry_point("train")
def main(config: DictConfig) -> float | None:
    """The command; returns the best value of what the first checkpoint monitors, for sweepers."""
    from rfcx_audio.experiment import train_run  # here, so that --help does not wait for torch

    kept = cast("ModelCheckpoint", train_run(config).checkpoint_callback)
    return None if kept.best_model_score is None else kept.best_model_score.item()


if __name__ == "__main__":
    main()
