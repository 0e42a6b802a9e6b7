"""`experiment=best`: its step compared with the encoder alone on equal inputs, and its memory."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any, cast

import torch
from torch import Tensor, nn

from benchmarks.timing import NotMeasured, Row, seconds_each
from benchmarks.training import FROM, WARM_UP, Trained, has_reader, ready_step, step_config, trained

_GOAL = 1.3


def recipe_rows(
    overrides: Sequence[str], repeats: int, steps: int, batch_size: int
) -> Iterator[Row | NotMeasured]:
    """Times the whole training, and the step on ready tensors.

    Args:
        overrides: location of the data, and further settings.
        repeats: number of short trainings, each with as many steps of the other kinds.
        steps: number of steps of each kind.
        batch_size: crops in a batch.
    """
    group = f"experiment=best step, batch {batch_size}"
    reader = "resident" if has_reader("resident") else "cached"
    words = ["experiment=best", f"data/reader={reader}", *overrides]
    config = step_config(words, steps, batch_size)
    whole, ready = [], []
    for _ in range(repeats):
        run = trained(config)
        alone_s = seconds_each(encoder_step(run), steps, WARM_UP)
        whole.append((run.step_s, alone_s))
        ready.append((seconds_each(ready_step(run), steps, WARM_UP), alone_s))
    yield Row(group, FROM[reader], "the encoder alone", "s", whole, _GOAL)
    yield Row(group, "ready tensors", "the encoder alone", "s", ready, _GOAL)


def memory_of_recipe(
    overrides: Sequence[str], batch_sizes: Sequence[int]
) -> Iterator[Row | NotMeasured]:
    """Peak GPU memory of the training by batch size; the goal is linear growth."""
    if not torch.cuda.is_available():
        yield NotMeasured("experiment=best, peak memory", "no GPU")
        return
    peaks = [(size, peak_mb(overrides, size)) for size in batch_sizes]
    for (smaller, less), (larger, more) in pairwise(peaks):
        what = (f"batch {larger}", f"batch {smaller}")
        goal = larger / smaller
        yield Row("experiment=best, peak memory", *what, "MB", [(more, less)], goal)


def peak_mb(overrides: Sequence[str], batch_size: int) -> float:
    """Peak GPU memory of tensors in a training of a few steps, in MB."""
    gc.collect()  # reference cycles of earlier trainings
    torch.cuda.reset_peak_memory_stats()
    trained(step_config(["experiment=best", *overrides], 2, batch_size))
    return torch.cuda.max_memory_allocated() / 1e6


def encoder_step(run: Trained) -> Callable[[], None]:
    """Forward, backward and optimizer step of the encoder, on noise of the shapes in training."""
    encoder = cast(nn.Module, cast(Any, run.method.model).encoder)
    shapes = _shapes(encoder, run)
    device = run.batch.spectrogram.device
    noise = [torch.randn(shape, device=device) for shape in shapes]
    optimizer = run.method.optimizer(encoder.parameters())

    def step() -> None:
        with run.context():
            value = torch.stack([encoder(part).float().mean() for part in noise]).sum()
        optimizer.zero_grad()
        value.backward()
        optimizer.step()

    return step


def _shapes(encoder: nn.Module, run: Trained) -> list[torch.Size]:
    """The shapes of the encoder's inputs in one training step."""
    shapes: list[torch.Size] = []

    def note(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:  # noqa: ARG001
        shapes.append(inputs[0].shape)

    hook = encoder.register_forward_pre_hook(note)
    with torch.no_grad(), run.context():
        run.method.training_cells(run.batch)
    hook.remove()
    return shapes
