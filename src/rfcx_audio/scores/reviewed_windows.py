"""The evidence of reviewed random windows about the prevalence in recordings."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

_FURTHEST, _STEP = 5.0, 0.1  # of the values of an unknown share, in standard deviations


class ReviewedWindows(NamedTuple):
    """Windows of the unlabelled recordings that were drawn by chance, and judged.

    Attributes:
        present: (species,) windows with the species.
        judged: (species,) windows; need not be whole numbers, see `counts_behind`.
        windows: number of windows in a recording, 1 or more.
    """

    present: Tensor
    judged: Tensor
    windows: float


def reviewed_likelihood(
    prevalence: Tensor, reviewed: ReviewedWindows, filled: tuple[float, float]
) -> Tensor:
    """The likelihood of prevalences in recordings, from reviewed windows.

    A window has the species if its recording has it, and if it then is one of the windows that are
    filled; one at least is. The share of these is not known: it is averaged over.

    Args:
        prevalence: (grid,) shares of recordings, in (0, 1).
        reviewed: of all species.
        filled: mean and standard deviation of the log-odds that a further window is filled.

    Returns:
        (grid, species), the most likely prevalence of each species having 1.
    """
    steps = torch.arange(-_FURTHEST, _FURTHEST + _STEP / 2, _STEP, dtype=torch.float64)
    mean, deviation = filled
    weight = (-0.5 * steps**2).softmax(0)
    first = 1 / reviewed.windows
    share = first + (1 - first) * (mean + deviation * steps).sigmoid()
    density = (prevalence.double()[:, None] * share)[..., None]  # (grid, steps, 1)
    present, judged = (part.double() for part in reviewed[:2])
    log = torch.xlogy(present, density) + torch.xlogy(judged - present, 1 - density)
    log = torch.logsumexp(log + weight.log()[:, None], 1)
    return (log - log.amax(0)).exp()
