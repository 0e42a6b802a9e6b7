"""What a metric is given: scores beside a truth of three states."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Cells(NamedTuple):
    """Scores beside a truth of three states.

    Attributes:
        scores: (n, species), in at least float32.
        present: (n, species) bool, known and present.
        absent: (n, species) bool, known and absent; what is neither is unknown.
    """

    scores: Tensor
    present: Tensor
    absent: Tensor


def checked_cells(scores: Tensor, target: Tensor, known: Tensor | None = None) -> Cells:
    """The arguments of a metric as cells.

    Args:
        scores: (n, species), without NaN.
        target: (n, species) in [0, 1]; present from 0.5 on.
        known: (n, species) in [0, 1]; anything above 0 counts as known. None: all is known.

    Raises:
        ValueError: if the shapes differ, have not two dimensions, or if a score is NaN.
    """
    if known is None:
        known = torch.ones_like(target)
    if scores.ndim != 2 or not scores.shape == target.shape == known.shape:
        raise ValueError(
            f"expected scores, target and known of one shape (n, species), got "
            f"{tuple(scores.shape)}, {tuple(target.shape)} and {tuple(known.shape)}"
        )
    num_nan = int(scores.isnan().sum())
    if num_nan:
        rows = scores.isnan().any(1).nonzero().flatten().tolist()
        raise ValueError(
            f"{num_nan} of {scores.numel()} scores are NaN, first in row {rows[0]}: "
            "the model has diverged, or its input was not finite"
        )
    is_known, is_present = known > 0, target >= 0.5
    scores = scores.detach().to(torch.promote_types(scores.dtype, torch.float32))
    return Cells(scores, is_known & is_present, is_known & ~is_present)


def check_num_species(scores: Tensor, num_species: int) -> None:
    """Refuses scores of another number of species than a metric was made for.

    Args:
        scores: (n, species).
        num_species: expected.

    Raises:
        ValueError: if there are more or fewer.
    """
    if scores.shape[-1] != num_species:
        raise ValueError(
            f"expected {num_species} species, got scores {tuple(scores.shape)}; "
            "is num_species that of the data?"
        )
