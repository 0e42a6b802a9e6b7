from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from quick import words
from rfcx_audio.callbacks import Progress, progress
from rfcx_audio.config import load_config
from rfcx_audio.experiment import train_run


class Value(torch.Tensor):
    """A loss that counts how often it is read."""

    reads = 0

    def __float__(self) -> float:
        Value.reads += 1
        return 0.5


def test_the_loss_is_read_as_often_as_it_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(progress, "monotonic", lambda: now)
    trainer: Any = SimpleNamespace(
        loggers=[SimpleNamespace(version="tensorboard")],  # which Lightning would show as "oard"
        progress_bar_metrics={},
        callback_metrics={"train/loss": Value()},
    )
    bar, module = Progress(refresh_rate=2), SimpleNamespace()
    Value.reads = 0
    for _ in range(10):  # ten steps a second for a second
        assert bar.get_metrics(trainer, module) == {"train/loss": 0.5}  # pyright: ignore[reportArgumentType]
        now += 0.1
    assert Value.reads == 2
    Progress(refresh_rate=0).get_metrics(trainer, module)  # pyright: ignore[reportArgumentType]
    assert Value.reads == 2


@pytest.mark.slow
def test_a_training_reads_its_loss_at_intervals_only(
    forest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    item, read = torch.Tensor.item, []
    monkeypatch.setattr(torch.Tensor, "item", lambda self: read.append(1) or item(self))
    steps = 40
    settings = [
        f"data.crops.crops_per_epoch={steps}",
        "data.batch_size=1",
        "trainer.max_epochs=1",
        "trainer.log_every_n_steps=20",
        "callbacks.log_interval.per_epoch=2",
        "callbacks.progress.refresh_rate=1",
        "callbacks.report.num_pictures=0",
        "trainer.limit_val_batches=1",
        "+trainer.num_sanity_val_steps=0",
        "model/head=linear",
    ]
    monkeypatch.setattr(progress, "monotonic", lambda: 0.0)  # the bar is drawn once
    counted: list[int] = []

    def at_end(self: Progress, *arguments: Any) -> None:
        counted.append(len(read))

    monkeypatch.setattr(Progress, "on_train_batch_start", at_end)
    train_run(load_config("train", words(forest, tmp_path, *settings)))
    assert len(counted) == steps
    assert counted[-1] - counted[0] < steps / 2


def test_where_there_is_no_terminal_lines_are_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = 0.0
    monkeypatch.setattr(progress, "monotonic", lambda: now)
    trainer: Any = SimpleNamespace(
        callback_metrics={"train/loss": torch.tensor(0.25), "val/auc": torch.tensor(0.75)},
        is_global_zero=True,
        sanity_checking=False,
        current_epoch=1,
        max_epochs=4,
        num_training_batches=10,
        loggers=[],
        progress_bar_metrics={},
        state=SimpleNamespace(fn="fit"),
    )
    module: Any = SimpleNamespace()
    lines = Progress()
    assert not lines.draws
    with caplog.at_level("INFO"):
        lines.on_train_start(trainer, module)
        for step in range(10):
            now += 10.0
            lines.on_train_batch_end(trainer, module, None, None, step)
        lines.on_validation_end(trainer, module)
    assert [record.getMessage() for record in caplog.records] == [
        "epoch 2 of 4, step 3 of 10, loss 0.250, about 0:04:30 left without validation",
        "epoch 2 of 4, step 6 of 10, loss 0.250, about 0:04:00 left without validation",
        "epoch 2 of 4, step 9 of 10, loss 0.250, about 0:03:30 left without validation",
        "epoch 2 of 4: val/auc 0.750",
    ]
    caplog.clear()
    silent = Progress(refresh_rate=0)
    silent.on_train_start(trainer, module)
    now += 100.0
    silent.on_train_batch_end(trainer, module, None, None, 0)
    silent.on_validation_end(trainer, module)
    assert not caplog.records
