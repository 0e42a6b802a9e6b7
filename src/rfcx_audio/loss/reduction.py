"""From the losses of cells to one number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import torch
from torch import Tensor

from rfcx_audio.batch import CellLoss, Labels

Reduction = Literal["known", "example", "class_balanced", "all", "sum"]


def reduce_cells(cells: CellLoss, labels: Labels, how: Reduction = "known") -> Tensor:
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

    Args:
        cells: (batch, species) values, finite, and weights, at least 0.
        labels: (batch, species) twice, from which `class_balanced` takes the sides.
        how: which of the five.

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
    return _REDUCTIONS[how](cells, labels)


def _weighted_mean(value: Tensor, weight: Tensor) -> Tensor:
    """Over the last dimension; 0 where the weights sum to 0."""
    total = weight.sum(-1)
    return (weight * value).sum(-1) / torch.where(total > 0, total, 1)


def _known(cells: CellLoss, _: Labels) -> Tensor:
    return _sum(cells, _) / cells.weight.sum().clamp(min=1)


def _example(cells: CellLoss, _: Labels) -> Tensor:
    has_weight = (cells.weight.sum(-1) > 0).to(cells.value.dtype)  # (batch,)
    return _weighted_mean(_weighted_mean(*cells), has_weight)


def _class_balanced(cells: CellLoss, labels: Labels) -> Tensor:
    value, weight = cells.value.flatten(), cells.weight.flatten()
    present = torch.where(labels.known > 0, labels.target, 0).flatten().to(value.dtype)
    sides = (weight * present, weight * (1 - present))
    return 0.5 * sum((_weighted_mean(value, side) for side in sides), start=value.new_zeros(()))


def _all(cells: CellLoss, _: Labels) -> Tensor:
    return _sum(cells, _) / max(1, cells.value.numel())


def _sum(cells: CellLoss, _: Labels) -> Tensor:
    return (cells.weight * cells.value).sum()


_REDUCTIONS: dict[str, Callable[[CellLoss, Labels], Tensor]] = {
    "known": _known,
    "example": _example,
    "class_balanced": _class_balanced,
    "all": _all,
    "sum": _sum,
}
