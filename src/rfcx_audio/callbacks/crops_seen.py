"""Whether a training has read any sound."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from rfcx_audio.batch import SpectrogramBatch
from rfcx_audio.callbacks.report import data_of, gather_failures, gathered


class CropsSeen(Callback):
    """Ends a training whose first epoch had no crop that could be read."""

    def __init__(self) -> None:
        self.crops = 0

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,  # noqa: ARG002
        outputs: Any,  # noqa: ANN401, ARG002 (Lightning's)
        batch: SpectrogramBatch,
        batch_idx: int,  # noqa: ARG002
    ) -> None:
        """Counts.

        Raises:
            ValueError: no process had a crop.
        """
        self.crops += len(batch.spectrogram)
        if not trainer.is_last_batch or trainer.current_epoch or sum(gathered([self.crops])):
            return
        data = data_of(trainer)
        gather_failures(data)
        name, reason = next(iter(data.failures.items()), ("none", "no reason is known"))
        raise ValueError(
            f"nothing was trained: no crop of {data.train_rows['recording_id'].nunique()} "
            f"recording(s) could be read, see failures.csv; the first, {name}: {reason}"
        )
