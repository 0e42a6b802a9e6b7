from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from rfcx_audio.callbacks import LogInterval
from rfcx_audio.data import RecordingDataModule


class Batches(RecordingDataModule):
    """A data module with so many batches."""

    def __init__(self, number: int) -> None:
        self.number = number

    @property
    def batches_per_epoch(self) -> int:
        return self.number


@pytest.mark.parametrize(
    ("batches", "limit", "expected"),
    [
        (600, 1.0, 50),  # a long epoch keeps the trainer's interval
        (100, 1.0, 10),
        (4, 1.0, 1),
        (600, 40, 4),
        (600, 0.1, 6),
        (7, 1000, 1),
    ],
)
def test_short_epochs_have_a_curve_and_long_ones_are_left_alone(
    batches: int, limit: float, expected: int
) -> None:
    trainer: Any = SimpleNamespace(
        datamodule=Batches(batches), limit_train_batches=limit, log_every_n_steps=50
    )
    module: Any = None
    LogInterval(10).setup(trainer, module, "test")
    assert trainer.log_every_n_steps == 50
    LogInterval(10).setup(trainer, module, "fit")
    assert trainer.log_every_n_steps == expected


def test_less_than_one_value_an_epoch_is_refused() -> None:
    with pytest.raises(ValueError, match="per_epoch = 0"):
        LogInterval(0)
