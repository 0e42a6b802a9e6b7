"""Pooling the scores of several windows, and smoothing over time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby

import torch
from torch import Tensor
from torch.nn import functional

Pool = str
"""`max`, `mean`, or `top<k>` (such as `top3`), the mean of the k highest scores."""


def pool_windows(scores: Tensor, pool: Pool) -> Tensor:
    """One score per species from the scores of all windows.

    Args:
        scores: (..., windows, species).
        pool: `max`, `mean`, or `top<k>`, the mean of the k highest scores, or of all scores if
            there are fewer than k windows.

    Returns:
        (..., species)

    Raises:
        ValueError: the pool is unknown.
    """
    if pool == "mean":
        return scores.mean(-2)
    return scores.topk(min(_highest(pool), scores.shape[-2]), dim=-2).values.mean(-2)


def by_recording(scores: Tensor, counts: Sequence[int]) -> list[Tensor]:
    """Splits window scores into runs of recordings with the same number of windows.

    The counts are Python numbers, so the device is not synchronised.

    Args:
        scores: (windows, species) of all recordings, one after the other.
        counts: windows of each recording, at least 1.

    Returns:
        Views, each (recordings, windows, species).
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
    """The mean of each score and its neighbours in time; fewer neighbours at the ends.

    Args:
        scores: (..., time, species).
        width: number of scores, odd; 1 changes nothing.

    Returns:
        A tensor of the same shape.
    """
    over_time = scores.transpose(-2, -1)  # (..., species, time)
    mean = functional.avg_pool1d(over_time, width, 1, width // 2, count_include_pad=False)
    return mean.transpose(-2, -1)


def check_pool(pool: Pool) -> None:
    """Checks that a pool exists.

    Raises:
        ValueError: the pool is unknown.
    """
    if pool != "mean":
        _highest(pool)


def _highest(pool: Pool) -> int:
    """The number of highest scores that a pool other than `mean` averages.

    Raises:
        ValueError: the pool is unknown.
    """
    if pool == "max":
        return 1
    found = re.fullmatch(r"top([1-9]\d*)", pool)
    if found is None:
        raise ValueError(f"pool = {pool!r} is unknown; choose max, mean, or top3, top5 and so on")
    return int(found[1])
