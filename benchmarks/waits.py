"""Finding where a training step waits for the GPU, for example in copies to the host."""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, ClassVar

import pytorch_lightning as pl
import torch

_MESSAGE = "called a synchronizing CUDA operation"  # torch's own words
_OURS = f"{Path('src') / 'rfcx_audio'}/"


class Waits(pl.Callback):
    """Observes the second training step: crops, augmentation, front end, forward pass and loss.

    The first step is not observed, as libraries may wait once while they initialise. Results are
    class attributes, because the configuration builds the instance and a failed run returns none.

    Attributes:
        places: file and line of each wait, the innermost frame of this library.
        watched: number of observed calls.
    """

    places: ClassVar[list[str]] = []
    watched: ClassVar[int] = 0

    @classmethod
    def reset(cls) -> None:
        """Clears the results."""
        cls.places, cls.watched = [], 0

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Wraps the training step."""
        if stage == "fit":
            data: Any = trainer.datamodule  # pyright: ignore[reportAttributeAccessIssue]
            for owner, name in ((data, "on_after_batch_transfer"), (pl_module, "training_step")):
                setattr(owner, name, _from_the_second_on(getattr(owner, name), trainer))


@contextmanager
def watched() -> Generator[None]:
    """Adds the waits of the code inside to `Waits`; without a GPU nothing waits."""
    Waits.watched += 1
    if not torch.cuda.is_available():
        yield
        return
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = _note
        torch.cuda.set_sync_debug_mode("warn")
        try:
            yield
        finally:
            torch.cuda.set_sync_debug_mode("default")


def _from_the_second_on(call: Callable[..., Any], trainer: pl.Trainer) -> Callable[..., Any]:
    calls = 0

    @wraps(call)
    def around(*arguments: Any, **more: Any) -> Any:
        nonlocal calls
        calls += trainer.training  # validation does not count
        if calls < 2 or not trainer.training:
            return call(*arguments, **more)
        with watched():
            return call(*arguments, **more)

    return around


def _note(message: Warning | str, *_: Any, **__: Any) -> None:
    """Replaces `warnings.showwarning`."""
    if _MESSAGE not in str(message):
        return
    stack = [one for one in traceback.extract_stack()[:-1] if one.filename != warnings.__file__]
    frame = next((one for one in reversed(stack) if _OURS in one.filename), stack[-1])
    place = f"{frame.filename.rpartition(_OURS)[2]}:{frame.lineno}"
    if place not in Waits.places:
        Waits.places.append(place)
