from __future__ import annotations

import warnings
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from benchmarks.waits import Waits
from rfcx_audio import config


class Method:
    """A method whose steps emit the warning of a wait, outside this library and inside."""

    def __init__(self) -> None:
        self.modes: list[str] = []

    def training_step(self, batch: int) -> int:
        warnings.warn("called a synchronizing CUDA operation", stacklevel=1)
        warnings.warn("something else", stacklevel=1)
        config.build(
            {"_target_": "warnings.warn", "message": "called a synchronizing CUDA operation"}
        )
        return 2 * batch


@pytest.fixture
def modes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A mock of the GPU calls that `watched` makes."""
    found: list[str] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "set_sync_debug_mode", found.append)
    Waits.reset()
    return found


def step_of(method: Any) -> None:
    data = SimpleNamespace(on_after_batch_transfer=lambda batch, loader: batch)
    Waits().setup(SimpleNamespace(datamodule=data, training=True), method, "fit")


@pytest.mark.filterwarnings("ignore:called a synchronizing|something else:UserWarning")
def test_the_second_step_reports_its_waits_and_computes_what_the_first_computes(
    modes: list[str],
) -> None:
    method: Any = Method()
    step_of(method)
    assert method.training_step(3) == 6
    assert (Waits.places, Waits.watched, modes) == ([], 0, [])
    assert method.training_step(3) == 6
    assert Waits.watched == 1
    assert modes == ["warn", "default"]
    outside, inside = Waits.places
    assert outside.partition(":")[0].endswith("test_waits.py")
    assert inside.startswith("config.py:")


def test_a_step_that_does_not_wait_is_observed_too(modes: list[str]) -> None:
    method: Any = SimpleNamespace(training_step=lambda batch: batch)
    step_of(method)
    method.training_step(1)
    method.training_step(1)
    assert (Waits.places, Waits.watched) == ([], 1)


def test_the_observation_ends_if_a_step_fails(modes: list[str]) -> None:
    method: Any = SimpleNamespace(training_step=lambda batch: 1 // batch)
    step_of(method)
    method.training_step(1)
    with pytest.raises(ZeroDivisionError):
        method.training_step(0)
    assert modes == ["warn", "default"]


def test_validation_is_not_observed(modes: list[str]) -> None:
    data = SimpleNamespace(on_after_batch_transfer=lambda batch, loader: batch)
    trainer = SimpleNamespace(datamodule=data, training=False)
    Waits().setup(trainer, SimpleNamespace(training_step=None), "fit")
    for _ in range(3):
        data.on_after_batch_transfer(1, 0)
    trainer.training = True
    data.on_after_batch_transfer(1, 0)
    assert Waits.watched == 0
    data.on_after_batch_transfer(1, 0)
    assert Waits.watched == 1
