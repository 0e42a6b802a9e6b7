"""How often a training writes what it logs: seldom, but often enough for a curve."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from rfcx_audio.data import RecordingDataModule


class LogInterval(Callback):
    """Lowers `trainer.log_every_n_steps` where epochs are short, and never raises it.

    To write a value is to wait for the device, so long epochs keep the trainer's interval.

    Args:
        per_epoch: values of `train/loss` in an epoch, at least, where it has as many steps.

    Raises:
        ValueError: `per_epoch` is below 1.
    """

    def __init__(self, per_epoch: int = 10) -> None:
        if per_epoch < 1:
            raise ValueError(f"callbacks.log_interval.per_epoch = {per_epoch}; expected at least 1")
        self.per_epoch = per_epoch

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:  # noqa: ARG002
        """Chooses the interval, before Lightning compares it with the number of steps."""
        data = trainer.datamodule  # pyright: ignore[reportAttributeAccessIssue]
        if stage != "fit" or not isinstance(data, RecordingDataModule):
            return
        limit, steps = trainer.limit_train_batches, data.batches_per_epoch
        steps = min(steps, limit) if isinstance(limit, int) else int(steps * limit)
        chosen: Any = trainer  # Lightning sets the attribute without declaring it
        chosen.log_every_n_steps = min(chosen.log_every_n_steps, max(1, steps // self.per_epoch))
