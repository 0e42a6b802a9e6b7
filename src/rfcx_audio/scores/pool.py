"""One score a species from the scores of several windows, and smoothing over time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby

import torch
from torch import Tensor
from torch.nn import functional

Pool = str
"""`max`, `mean`, or `top<k>`, as `top3`: the mean of the k highest."""


def pool_windows(scores: Tensor, pool: Pool) -> Tensor:
    """One score a species from the scores of all windows.

    Args:
        scores: (..., windows, species).
        pool: the maximum, the mean, or the mean of the k highest: `max`, `mean`, `top<k>`. Where
            there are fewer windows than k, their mean.

    Returns:
        (..., species)

    Raises:
        ValueError: there is no such pool.
    """
    if pool == "mean":
        return scores.mean(-2)
    return scores.topk(min(_highest(pool), scores.shape[-2]), dim=-2).values.mean(-2)


def by_recording(scores: Tensor, counts: Sequence[int]) -> list[Tensor]:
    """The scores of several recordings' windows, those of as many windows side by side.

    The counts are numbers of the host, so nothing waits for a device.

    Args:
        scores: (windows, species) of all recordings, one after the other.
        counts: windows of each recording, at least 1.

    Returns:
        Views, each (recordings, windows, species): a run of recordings with one number of windows.
    """
    runs = [(count, len(list(same))) for count, same in groupby(counts)]
    parts = scores.split([number * count for count, number in runs])
    return [
        part.unflatten(0, (number, count))
        for part, (count, number) in zip(parts, runs, strict=True)
    ]


def pool_recordings(scores: Tensor, counts: Sequence[int], pool: Pool) -> Tensor:
    """`pool_windows` for several recordings.

    Args:
        scores: (windows, species) of all recordings, one after the other.
        counts: windows of each recording, at least 1.
        pool: see `pool_windows`.

    Returns:
        (recordings, species)
    """
    return torch.cat([pool_windows(part, pool) for part in by_recording(scores, counts)])


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
