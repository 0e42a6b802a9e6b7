"""Which epoch is kept as the best."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Any, Literal

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint

from rfcx_audio.whole_files import write_atomically

_log = logging.getLogger(__name__)
_REASONS = {
    "val/auc_unlabelled": (
        "it compares recordings that have a TP row of a species with recordings that have none, "
        "and the validated ones are all of one kind; add recordings without the species, or "
        "choose another fold (data.folds.held_out)"
    )
}


class BestCheckpoint(ModelCheckpoint):
    """Lightning's, which keeps the last epoch where no epoch has a value to be compared by.

    Without validation, or where the measure is undefined (NaN) in all of it, the file is the last
    epoch, with a warning. Lightning would keep the first one.

    Args:
        dirpath: folder of the file.
        filename: its name without the ending.
        monitor: the measure.
        mode: `max` or `min`, which of its values is the best.
        enable_version_counter: whether a file of the same name is kept beside the new one.
        options: further ones of `ModelCheckpoint`.
    """

    def __init__(
        self,
        dirpath: str,
        filename: str,
        monitor: str,
        mode: Literal["min", "max"] = "max",
        enable_version_counter: bool = False,
        **options: Any,  # noqa: ANN401 (Lightning's)
    ) -> None:
        options |= {"mode": mode, "enable_version_counter": enable_version_counter}
        super().__init__(dirpath, filename, monitor, **options)
        self._validated = False

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Compares, if there is a value.

        Raises:
            ValueError: nothing of the name is measured.
        """
        self._validated |= not trainer.sanity_checking
        if self._validated and self.monitor not in trainer.callback_metrics:
            known = ", ".join(sorted(trainer.callback_metrics))
            raise ValueError(
                f"callbacks.best.monitor = {self.monitor} is not measured; choose one of {known}"
            )
        if self._has_value(trainer):
            super().on_validation_end(trainer, pl_module)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Compares here where every epoch is validated, if there is a value."""
        if self._has_value(trainer):
            super().on_train_epoch_end(trainer, pl_module)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Writes the last epoch, if there was nothing to compare."""
        if self.best_model_score is None and trainer.current_epoch > 0:
            why = "no recording was validated"
            if self._validated:
                why = f"{self.monitor} is undefined (NaN)"
                why += f": {_REASONS[self.monitor]}" if self.monitor in _REASONS else ""
            best = Path(self.format_checkpoint_name({}))
            _log.warning("%s is the last epoch: %s", best, why)
            self.best_model_path = str(best)
            self._write_last(trainer, best)
        super().on_train_end(trainer, pl_module)

    def _write_last(self, trainer: pl.Trainer, best: Path) -> None:
        """Copies the file of the last epoch, with which a run can go on; else writes one."""
        others = [one for one in trainer.checkpoint_callbacks if one is not self]
        last = [one.best_model_path for one in others if isinstance(one, ModelCheckpoint)]
        there = [Path(path) for path in last if path and Path(path).exists()]
        if not there:
            trainer.save_checkpoint(best, self.save_weights_only)
        elif trainer.is_global_zero:
            write_atomically(best, lambda part: shutil.copyfile(there[-1], part))

    def _has_value(self, trainer: pl.Trainer) -> bool:
        value = trainer.callback_metrics.get(str(self.monitor))
        return value is not None and not bool(torch.isnan(value))
