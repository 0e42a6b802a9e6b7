"""One score a species from the scores of several windows, and smoothing over time."""

from __future__ import annotations

import re

from torch import Tensor
from torch.nn import functional

Pool = str
"""`max`, `mean`, or `top<k>`, as `top3`: the mean of the k highest."""


def pool_windows(scores: Tensor, pool: Pool) -> Tensor:
    """One score a species from the scores of all windows.

    Args:
        scores: (windows, species).
        pool: the maximum, the mean, or the mean of the k highest: `max`, `mean`, `top<k>`. Where
            there are fewer windows than k, their mean.

    Returns:
        (species,)

    Raises:
        ValueError: there is no such pool.
    """
    if pool == "mean":
        return scores.mean(0)
    return scores.topk(min(_highest(pool), len(scores)), dim=0).values.mean(0)


def moving_average(scores: Tensor, width: int) -> Tensor:
    """The mean of each score and its neighbours in time; at the ends, of those that there are.

    Args:
        scores: (..., time, species).
        width: an odd number of scores; 1 changes nothing.

    Returns:
        Of the same shape.
    """
    over_time = scores.transpose(-2, -1)  # (..., species, time)
    mean = functional.avg_pool1d(over_time, width, 1, width // 2, count_include_pad=False)
    return mean.transpose(-2, -1)


def check_pool(pool: Pool) -> None:
    """Raises ValueError where there is no such pool."""
    if pool != "mean":
        _highest(pool)


def _highest(pool: Pool) -> int:
    """How many scores a pool other than the mean looks at.

    Raises:
        ValueError: there is no such pool.
    """
    if pool == "max":
        return 1
    found = re.fullmatch(r"top([1-9]\d*)", pool)
    if found is None:
        raise ValueError(f"pool = {pool!r} is unknown; choose max, mean, or top3, top5 and so on")
    return int(found[1])
