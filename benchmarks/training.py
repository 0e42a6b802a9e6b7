"""A training step from FLAC files with augmentation, beside the step on ready tensors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from itertools import product
from pathlib import Path
from statistics import mean
from time import perf_counter
from typing import Any, cast

import pytorch_lightning as pl
import torch
from torch import Tensor

from benchmarks.timing import Row, synchronize
from rfcx_audio.batch import SpectrogramBatch
from rfcx_audio.config import DictConfig, build, load_config
from rfcx_audio.data import RecordingDataModule
from rfcx_audio.method import Supervised

_WARM_UP = 3


def training_rows(data_dir: Path, repeats: int, steps: int, batch_size: int) -> list[Row]:
    """Both encoders, each in several pairs of runs.

    Args:
        data_dir: where the synthetic rainforest is, or will be made.
        repeats: pairs of a short training and as many steps on ready tensors.
        steps: of each.
        batch_size: crops in a batch.
    """
    goal = 1 / 0.95 if torch.cuda.is_available() else 1 / 0.9
    rows = []
    for model, reader in product(("densenet121", "efficientnet_b0"), ("direct", "cached")):
        config = load_config(
            "train",
            [
                f"model={model}",
                "model.encoder.pretrained=false",
                "augment=deck",
                f"data/reader={reader}",
                f"paths.data_dir={data_dir}",
                "paths.output_dir=.",
                f"data.batch_size={batch_size}",
                f"data.crops.crops_per_epoch={(steps + _WARM_UP) * batch_size}",
            ],
        )
        pairs = [_pair(config) for _ in range(repeats)]
        group = f"training step, {model}, {batch_size} x 6 s, augment=deck"
        ours = "from FLAC" if reader == "direct" else "from the decoded cache"
        rows.append(Row(group, ours, "ready tensors", "s", pairs, goal))
    return rows


class StepTimes(pl.Callback):
    """When each step ended, and the batch of the last."""

    def __init__(self) -> None:
        self.ends: list[float] = []
        self.batch: SpectrogramBatch | None = None

    def on_train_batch_end(self, *arguments: Any, **_: Any) -> None:
        """Keeps the time."""
        synchronize()
        self.ends.append(perf_counter())
        self.batch = cast(SpectrogramBatch, arguments[3])


def _pair(config: DictConfig) -> tuple[float, float]:
    """Seconds of a step of a training, and of one on ready tensors."""
    pl.seed_everything(0, verbose=False)
    method = cast(Supervised, build(config.method))
    data = cast(RecordingDataModule, build(config.data))
    times = StepTimes()
    trainer: pl.Trainer = build(
        config.trainer,
        max_epochs=1,
        limit_val_batches=0,
        num_sanity_val_steps=0,
        callbacks=[times],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(method, data)
    trained = times.ends[_WARM_UP:]
    whole = (trained[-1] - trained[0]) / (len(trained) - 1)
    assert times.batch is not None
    batch = times.batch
    device = trainer.strategy.root_device
    method.to(device)
    ready = SpectrogramBatch(batch.spectrogram, batch.labels, batch.seed)
    alone = list(_steps(method, ready, trainer.precision_plugin.forward_context, len(trained)))
    return whole, mean(alone[_WARM_UP:])


def _steps(
    method: Supervised,
    batch: SpectrogramBatch,
    context: Any,
    number: int,
) -> Iterator[float]:
    """Forward, backward and optimizer step, again and again."""
    optimizer = method.optimizer(method.model.parameters())
    method.train()
    for _ in range(number + _WARM_UP):
        begun = perf_counter()
        with cast(AbstractContextManager[None], context()):
            cells, _labels = method.training_cells(batch)
            value: Tensor = (cells.value * cells.weight).sum() / cells.weight.sum()
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        synchronize()
        yield perf_counter() - begun
