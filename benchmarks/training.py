"""A training step from files with augmentation, compared with the step on ready tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from time import perf_counter
from typing import Any, NamedTuple, cast

import pytorch_lightning as pl
import torch

from benchmarks.timing import NotMeasured, Row, seconds_each, synchronize
from rfcx_audio.batch import SpectrogramBatch
from rfcx_audio.config import CONF_DIR, DictConfig, build, load_config
from rfcx_audio.data import RecordingDataModule
from rfcx_audio.method import Supervised

WARM_UP = 3
FROM = {"direct": "from FLAC", "cached": "from the decoded cache", "resident": "from resident"}
"""The names of the readers in the table."""


class Trained(NamedTuple):
    """A short training.

    Attributes:
        step_s: mean seconds of a step after the warm-up.
        method: on its device.
        batch: the last one.
        context: makes a context with the trainer's precision.
    """

    step_s: float
    method: Supervised
    batch: SpectrogramBatch
    context: Callable[[], AbstractContextManager[None]]


def has_reader(name: str) -> bool:
    """Whether a reader exists."""
    return (CONF_DIR / "data" / "reader" / f"{name}.yaml").exists()


def training_row(
    model: str,
    reader: str,
    overrides: Sequence[str],
    goal: float | None,
    repeats: int,
    steps: int,
    batch_size: int,
) -> Iterator[Row | NotMeasured]:
    """Times the training step of one encoder with one reader.

    Args:
        model: option of `conf/model`.
        reader: option of `conf/data/reader`.
        overrides: location of the data, and further settings.
        goal: largest ratio.
        repeats: number of short trainings, each with as many steps on ready tensors.
        steps: number of steps of each.
        batch_size: crops in a batch.
    """
    group = f"training step, {model}, {batch_size} x 6 s, augment=deck"
    if not has_reader(reader):
        yield NotMeasured(f"{group}, {FROM[reader]}", f"there is no data/reader={reader}")
        return
    words = [f"model={model}", "augment=deck", f"data/reader={reader}", *overrides]
    config = step_config(words, steps, batch_size)
    pairs = [_pair(config, steps) for _ in range(repeats)]
    yield Row(group, FROM[reader], "ready tensors", "s", pairs, goal)


def step_config(words: Sequence[str], steps: int, batch_size: int) -> DictConfig:
    """The configuration of a training of `steps` steps after the warm-up."""
    return load_config(
        "train",
        [
            *words,
            "model.encoder.pretrained=false",
            "paths.output_dir=.",
            f"data.batch_size={batch_size}",
            f"data.crops.crops_per_epoch={(steps + WARM_UP) * batch_size}",
        ],
    )


class StepTimes(pl.Callback):
    """Times of the start and end of the steps after the warm-up, and the last batch.

    Args:
        number: of steps, with the warm-up.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.times: list[float] = []
        self.batch: SpectrogramBatch | None = None

    def on_train_batch_end(self, *arguments: Any, **_: Any) -> None:
        """Records the time of two steps; the GPU is not synchronised at the others."""
        batch_idx = cast(int, arguments[4])
        if batch_idx + 1 in (WARM_UP, self.number):
            synchronize()
            self.times.append(perf_counter())
            self.batch = cast(SpectrogramBatch, arguments[3])


def trained(config: DictConfig) -> Trained:
    """Trains for one epoch, without validation, checkpoints and logs."""
    pl.seed_everything(0, verbose=False)
    method = cast(Supervised, build(config.method))
    data = cast(RecordingDataModule, build(config.data.module))
    number = config.data.crops.crops_per_epoch // config.data.batch_size
    times = StepTimes(number)
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
    begun, ended = times.times
    assert times.batch is not None
    method.to(trainer.strategy.root_device)
    method.train()
    context = cast(
        "Callable[[], AbstractContextManager[None]]", trainer.precision_plugin.forward_context
    )
    return Trained((ended - begun) / (number - WARM_UP), method, times.batch, context)


def ready_step(run: Trained) -> Callable[[], None]:
    """Forward, backward and optimizer step on the last batch of a training."""
    method = run.method
    optimizer = method.optimizer(method.model.parameters())
    batch = SpectrogramBatch(run.batch.spectrogram, run.batch.labels, run.batch.seed)

    def step() -> None:
        with run.context():
            cells, _labels = method.training_cells(batch)
            value: torch.Tensor = (cells.value * cells.weight).sum() / cells.weight.sum()
        optimizer.zero_grad()
        value.backward()
        optimizer.step()

    return step


def _pair(config: DictConfig, steps: int) -> tuple[float, float]:
    """Seconds of a step in a training, and of a step on ready tensors."""
    run = trained(config)
    return run.step_s, seconds_each(ready_step(run), steps, WARM_UP)
