"""From the losses of cells to one number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import torch
from torch import Tensor

from rfcx_audio.batch import CellLoss, Labels

Reduction = Literal["known", "example", "class_balanced", "all", "sum"]


def reduce_cells(
    cells: CellLoss, labels: Labels, how: Reduction = "known", num_processes: int = 1
) -> Tensor:
    """One number for a batch; exactly 0, with a gradient of 0, where every weight is 0.

    With v the values and w the weights of the cells:

    * `known`: sum(w v) / max(1, sum(w)). Weights that sum to less than 1 are not made up to 1.
    * `example`: the weighted mean of each example, then the mean over the examples that have any
      weight, so that an example with one known species counts as much as one with twenty.
    * `class_balanced`: half the weighted mean over present cells plus half that over absent ones.
      A target t between 0 and 1 gives w t of its weight to the one side and w (1 - t) to the
      other; an unknown cell that has a weight counts as absent. A side that is missing from the
      batch adds 0, and the other keeps its half, so that a cell's pull does not double in
      batches without its opposite.
    * `all`: sum(w v) over the number of cells, unknown ones included; with few labels the gradient
      shrinks with their density.
    * `sum`: sum(w v), which grows with the batch.

    Of several processes, each gives its own cells, and divides by what all of them have together: a
    mean of their means would give few known cells as much weight as many. The mean of what the
    processes return, over which gradients are averaged, is then the number for all their batches
    as one. Each must call it equally often.

    Args:
        cells: (batch, species) values, finite, and weights, at least 0.
        labels: (batch, species) twice, from which `class_balanced` takes the sides.
        how: which of the five.
        num_processes: of torch's process group, which are asked only where it is above 1.

    Returns:
        A scalar.

    Raises:
        ValueError: if `how` is none of the five, or if the shapes differ.
    """
    if how not in _REDUCTIONS:
        raise ValueError(
            f"reduction {how!r} does not exist; choose {', '.join(get_args(Reduction))}"
        )
    shapes = [tuple(tensor.shape) for tensor in (*cells, *labels)]
    if len(set(shapes)) > 1:
        raise ValueError(
            f"values, weights, target and known must have one shape (batch, species), got {shapes}"
        )
    total, divisor = _REDUCTIONS[how](cells, labels)  # (terms,) each
    if num_processes > 1:
        total, divisor = total * num_processes, divisor.detach().clone()
        torch.distributed.all_reduce(divisor)
    if how == "known":
        divisor = divisor.clamp(min=1)
    return (total / torch.where(divisor > 0, divisor, 1)).mean()


def _known(cells: CellLoss, _: Labels) -> tuple[Tensor, Tensor]:
    return _terms((cells.weight * cells.value, cells.weight))


def _example(cells: CellLoss, _: Labels) -> tuple[Tensor, Tensor]:
    weight = cells.weight.sum(-1)  # (batch,)
    mean = (cells.weight * cells.value).sum(-1) / torch.where(weight > 0, weight, 1)
    return _terms((mean, weight > 0))


def _class_balanced(cells: CellLoss, labels: Labels) -> tuple[Tensor, Tensor]:
    present = torch.where(labels.known > 0, labels.target, 0).to(cells.value.dtype)
    sides = (cells.weight * present, cells.weight * (1 - present))
    return _terms(*((side * cells.value, side) for side in sides))


def _all(cells: CellLoss, _: Labels) -> tuple[Tensor, Tensor]:
    return _terms((cells.weight * cells.value, torch.ones_like(cells.weight)))


def _sum(cells: CellLoss, _: Labels) -> tuple[Tensor, Tensor]:
    return _terms((cells.weight * cells.value, torch.zeros_like(cells.weight)))


def _terms(*pairs: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Sums of values, and of what they are divided by, where that is above 0: (terms,) twice."""
    totals, divisors = zip(*pairs, strict=True)
    return (
        torch.stack([total.sum() for total in totals]),
        torch.stack([divisor.sum().to(totals[0].dtype) for divisor in divisors]),
    )


_REDUCTIONS: dict[str, Callable[[CellLoss, Labels], tuple[Tensor, Tensor]]] = {
    "known": _known,
    "example": _example,
    "class_balanced": _class_balanced,
    "all": _all,
    "sum": _sum,
}
