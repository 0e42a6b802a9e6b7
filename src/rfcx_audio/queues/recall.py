"""The interval of a recall: which share of the calls, found and missed, lies above a threshold."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.stats import norm

from rfcx_audio.queues.intervals import Counts, Share, correction, most_likely

_STEPS = 25  # of a bisection; each halves what is left
_TINY = 1e-12


def recall_of(counts: Counts, below: np.ndarray, level: float = 0.95) -> Share:
    """Which share of the members with a property is inside, such as calls above a threshold.

    A score interval, as `share_of` has it: a recall is in it where `1 - recall` times the calls
    inside, less `recall` times those outside, is at most so many standard errors from 0, with the
    rates of the strata that are most likely if it were 0.

    Args:
        counts: of each stratum, `found` of those inside.
        below: (..., strata), of those judged outside, how many have the property.
        level: coverage of the interval.

    Returns:
        The share over all strata; unknown, from 0 to 1, where nothing was found, or nothing of a
        stratum was judged.

    Source: as of `share_of`, for a ratio of two sums.
    """
    parts = np.broadcast_arrays(*(np.asarray(part, float) for part in (*counts, below)))
    population, judged, inside, found, factor, below = parts
    share_inside = np.divide(inside, judged, out=np.zeros_like(inside), where=judged > 0)
    finite = (population - judged) / np.maximum(population - 1, 1)  # 0 where all are judged
    cells = _Cells(
        factor * population,
        np.stack([share_inside, 1 - share_inside]),
        np.stack([inside, judged - inside]),
        np.stack([found, below]),
        finite,
        correction(np.where(population > 0, judged, 0)) / np.maximum(judged, 1),
    )
    calls = (cells.members * cells.share * cells.rate).sum(-1)
    total = calls.sum(0)
    unknown = (total <= 0) | ((judged == 0) & (population > 0)).any(-1)
    share = np.divide(calls[0], total, out=np.full(total.shape, 0.5), where=~unknown)
    z = float(norm.ppf((1 + level) / 2))
    accepted = np.stack([share, share])  # both ends at once
    rejected = np.stack([np.zeros_like(share), np.ones_like(share)])
    is_open = ~_is_rejected(cells, rejected, z)  # not even the last value is rejected
    ends = rejected
    for _ in range(_STEPS):
        middle = (accepted + rejected) / 2
        is_out = _is_rejected(cells, middle, z)
        accepted, rejected = np.where(is_out, accepted, middle), np.where(is_out, middle, rejected)
    low, high = np.where(is_open, ends, accepted)
    return Share(
        np.where(unknown, np.nan, share), np.where(unknown, 0, low), np.where(unknown, 1, high)
    )


class _Cells(NamedTuple):
    """Strata, each divided into what is inside and what is outside.

    Attributes:
        members: (..., strata).
        share: (2, ..., strata), of the members.
        judged: (2, ..., strata).
        found: (2, ..., strata).
        finite: (..., strata), the correction for a finite population.
        error: (..., strata), factor from the variance of one member to that of a mean, but for it.
    """

    members: np.ndarray
    share: np.ndarray
    judged: np.ndarray
    found: np.ndarray
    finite: np.ndarray
    error: np.ndarray

    @property
    def rate(self) -> np.ndarray:
        """(2, ..., strata), of those judged, how many have the property."""
        return self.found / np.maximum(self.judged, 1)


def _is_rejected(cells: _Cells, recall: np.ndarray, z: float) -> np.ndarray:
    """(2, ...), whether recalls of that shape are too far from what was found."""
    value = np.stack([1 - recall, -recall])[..., None]  # of a call inside and outside
    share, judged, found, rate = (
        part[:, None] for part in (cells.share, cells.judged, cells.found, cells.rate)
    )
    weight = cells.members * share * value
    force = weight * cells.finite / np.maximum(np.abs(weight).max((0, -1))[..., None], _TINY)
    total = cells.judged.sum((0, -1))
    least, most = np.full(recall.shape, -1.0), np.ones(recall.shape)  # of `pull / (1 + |pull|)`
    likely = rate
    for _ in range(_STEPS):
        middle = (least + most) / 2
        pull = total * middle / np.maximum(1 - np.abs(middle), _TINY)
        likely = most_likely(judged, found, pull[..., None] * force)
        is_above = (weight * likely).sum((0, -1)) > 0
        least, most = np.where(is_above, middle, least), np.where(is_above, most, middle)
    # A member counts `value` with a call inside or outside, and nothing without one.
    mean = (share * likely * value).sum(0)
    variance = (share * likely * value**2).sum(0) - mean**2
    error = (cells.members**2 * cells.finite * cells.error * variance).sum(-1)
    return (weight * rate).sum((0, -1)) ** 2 > z**2 * error + _TINY**2
