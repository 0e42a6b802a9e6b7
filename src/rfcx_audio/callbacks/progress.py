"""The progress of a training: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import logging
from datetime import timedelta
from time import monotonic
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import RichProgressBar
from rich.console import Console

from rfcx_audio.tracked import LINE_EVERY_S

_log = logging.getLogger(__name__)


class Progress(RichProgressBar):
    """Lightning's bar with the loss, which is read only as often as the bar is drawn.

    To read a value is to wait until the device has computed it; Lightning reads what is logged with
    `prog_bar=True` at every step, however seldom the bar is drawn. Where there is no terminal to
    draw on, a line is logged every half minute, and one after each validation.

    Args:
        refresh_rate: times a second; 0: neither bar nor lines, and nothing is read.
    """

    def __init__(self, refresh_rate: int = 1) -> None:
        super().__init__(refresh_rate=refresh_rate)
        self.draws = Console().is_terminal
        self._shown: dict[str, Any] = {}
        self._read_at = float("-inf")
        self._begun = self._logged = monotonic()
        self._steps = self._tested = 0

    @property
    def is_enabled(self) -> bool:
        """Whether the bar is drawn."""
        return self.draws and super().is_enabled

    @property
    def _logs(self) -> bool:
        return not self.draws and super().is_enabled

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

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begins to count the time."""
        super().on_train_start(trainer, pl_module)
        self._begun = self._logged = monotonic()
        self._steps = 0

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,  # noqa: ANN401 (Lightning's)
        batch: Any,  # noqa: ANN401
        batch_idx: int,
    ) -> None:
        """Draws; or logs a line if the last one is old."""
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
        self._steps += 1
        if self._logs and monotonic() - self._logged >= LINE_EVERY_S:
            self._logged = monotonic()
            loss = trainer.callback_metrics.get("train/loss")
            number, batches = trainer.current_epoch, int(trainer.num_training_batches)
            left = (int(trainer.max_epochs or 1) - number) * batches - batch_idx - 1
            seconds = left * (monotonic() - self._begun) / self._steps
            _log.info(
                "epoch %d of %s, step %d of %d%s, about %s left without validation",
                *(number + 1, trainer.max_epochs, batch_idx + 1, batches),
                "" if loss is None else f", loss {float(loss):.3f}",
                timedelta(seconds=round(seconds)),
            )

    def on_test_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,  # noqa: ANN401 (Lightning's)
        batch: Any,  # noqa: ANN401
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Draws; or logs a line if the last one is old."""
        super().on_test_batch_end(trainer, pl_module, outputs, batch, batch_idx, dataloader_idx)
        self._tested += len(batch.counts)
        if self._logs and monotonic() - self._logged >= LINE_EVERY_S:
            self._logged = monotonic()
            _log.info("%d test recordings are scored", self._tested)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draws; or logs a line with the validation."""
        super().on_validation_end(trainer, pl_module)
        if self._logs and not trainer.sanity_checking:
            values = {k: float(v) for k, v in trainer.callback_metrics.items() if "val/" in k}
            shown = ", ".join(f"{name} {value:.3f}" for name, value in values.items())
            _log.info("epoch %d of %s: %s", trainer.current_epoch + 1, trainer.max_epochs, shown)
