"""Dropout that depends on the batch only, so that a resumed run equals an uninterrupted one."""

from __future__ import annotations

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback

from rfcx_audio.batch import SpectrogramBatch


class BatchSeed(Callback):
    """Seeds torch's global generators from the batch's own seed before every training step."""

    def on_train_batch_start(
        self,
        trainer: pl.Trainer,  # noqa: ARG002
        pl_module: pl.LightningModule,  # noqa: ARG002
        batch: SpectrogramBatch,
        batch_idx: int,  # noqa: ARG002
    ) -> None:
        """Lightning's hook."""
        torch.manual_seed(batch.seed)
