"""A progress bar that leaves the device alone between two of its pictures."""

from __future__ import annotations

from time import monotonic
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import RichProgressBar


class Progress(RichProgressBar):
    """Lightning's bar with the loss, which is read only as often as the bar is drawn.

    To read a value is to wait until the device has computed it; Lightning reads what is logged with
    `prog_bar=True` at every step, however seldom the bar is drawn.

    Args:
        refresh_rate: times a second; 0: no bar, and nothing is read.
    """

    def __init__(self, refresh_rate: int = 1) -> None:
        super().__init__(refresh_rate=refresh_rate)
        self._shown: dict[str, Any] = {}
        self._read_at = float("-inf")

    def get_metrics(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule
    ) -> dict[str, int | str | float | dict[str, float]]:
        """The loss as it was when it was last read, at most `refresh_rate` times a second."""
        if self.refresh_rate > 0 and monotonic() - self._read_at >= 1 / self.refresh_rate:
            self._shown = super().get_metrics(trainer, pl_module)
            self._shown.pop("v_num", None)  # the last letters of a logger's name
            loss = trainer.callback_metrics.get("train/loss")
            if loss is not None:
                self._shown["train/loss"] = float(loss)
            self._read_at = monotonic()
        return dict(self._shown)
