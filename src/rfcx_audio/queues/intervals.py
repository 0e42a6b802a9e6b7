"""Intervals of a share in a population of strata, of which some were judged by chance."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.stats import norm

_STEPS = 45  # of the bisection; each halves what is left
_TINY = 1e-12
_MOST = 2.0  # as of two: from one nothing is known of a variance


class Share(NamedTuple):
    """A share with its interval, each (...,) in [0, 1]; a share is NaN where it is unknown."""

    share: np.ndarray
    low: np.ndarray
    high: np.ndarray


class Counts(NamedTuple):
    """What was found in each stratum, each (..., strata).

    Attributes:
        population: members of the stratum; where it does not matter for the share, 0.
        judged: of them, drawn by chance.
        inside: of those judged, in the part of the population that the share is of.
        found: of those inside, with what the share counts.
        factor: of the population, where the stratum stands for more or less than its members.
    """

    population: np.ndarray
    judged: np.ndarray
    inside: np.ndarray
    found: np.ndarray
    factor: np.ndarray | float = 1.0


def share_of(counts: Counts, level: float = 0.95) -> Share:
    """The share of a part of a population that has a property, with a score interval.

    That is Wilson's (1927) interval, for strata: a share is inside where the estimate is at most
    so many standard errors away from it, the latter computed under the hypothesis of that share,
    with the rates of the strata that are most likely under it. For one stratum of a large
    population it is Wilson's. Each stratum has the correction for a finite population. Where the
    share is of a part, such as the windows above a threshold, the size of the part in a stratum
    that it divides is estimated, too.

    A stratum of which nothing was judged may hold any share: the interval is wide by as much, and
    there is no estimate.

    Args:
        counts: of each stratum.
        level: coverage of the interval.

    Returns:
        The share over all strata.

    Source: for strata, the constrained rates of Miettinen and Nurminen (1985),
        doi:10.1002/sim.4780040211, whose hypothesis is about a sum of strata here.
    """
    population, judged, inside, found, factor = (np.asarray(part, float) for part in counts)
    known = (judged > 0) & (population > 0)
    rate = np.divide(inside, judged, out=np.zeros_like(inside), where=known)
    weight = factor * population * rate  # estimated members of the part
    total = weight.sum(-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(known, weight * found / np.maximum(inside, 1), 0).sum(-1) / total
    finite = (population - judged) / np.maximum(population - 1, 1)  # 0 where all are judged
    spread = np.where(known, (factor * population) ** 2 * finite / np.maximum(judged, 1), 0)
    strata = _Strata(
        weight,
        inside,
        found,
        rate,
        spread,
        finite,
        correction(np.where((weight > 0) & (finite > 0), inside, 0)),
    )
    z = float(norm.ppf((1 + level) / 2))
    low, high = (_end(strata, share, z, side) for side in (1.0, -1.0))
    empty = np.where(known, 0, factor * population).sum(-1)
    covered = np.where(total > 0, total, 0)
    left = empty / np.maximum(covered + empty, _TINY)
    is_known = total > 0
    return Share(
        np.where(is_known & (empty == 0), share, np.nan),
        np.where(is_known, (1 - left) * low, 0.0),
        np.where(is_known, (1 - left) * high + left, 1.0),
    )


class _Strata(NamedTuple):
    """What an end of an interval is computed from, each (..., strata)."""

    weight: np.ndarray
    inside: np.ndarray
    found: np.ndarray
    rate: np.ndarray
    spread: np.ndarray
    finite: np.ndarray
    correction: np.ndarray


def _end(strata: _Strata, share: np.ndarray, z: float, side: float) -> np.ndarray:
    """Where the score test begins to reject, below (side 1) or above (side -1) of the share."""
    least = np.zeros(share.shape)
    most = np.ones(share.shape)  # of `pull / (1 + pull)`
    total = np.maximum(strata.weight.sum(-1), _TINY)
    unit = np.maximum(strata.inside.sum(-1), 1) / total
    reached = share
    for _ in range(_STEPS):
        middle = (least + most) / 2
        pull = side * unit * middle / np.maximum(1 - middle, _TINY)
        rates = constrained(strata, pull)
        reached = (strata.weight * rates).sum(-1) / total
        away = (rates - reached[..., None]) ** 2
        within = strata.correction * strata.rate * rates * (1 - rates)
        variance = within + strata.rate * (1 - strata.rate) * away
        error = (strata.spread * variance).sum(-1) / total**2
        rejected = (share - reached) ** 2 > z**2 * error + _TINY**2  # of rounding
        least, most = np.where(rejected, least, middle), np.where(rejected, middle, most)
    return reached


def correction(inside: np.ndarray) -> np.ndarray:
    """Of the variance, for the rates of several strata that are estimated from few each.

    A rate that is estimated from `n` gives a variance that is too small by `(n - 1) / n`; of all
    strata together one rate is given, by the hypothesis, so that one stratum alone needs none.
    """
    strata = np.maximum((inside > 0).sum(-1, keepdims=True), 1)
    return np.minimum(inside / np.maximum(inside - 1 + 1 / strata, _TINY), _MOST)


def constrained(strata: _Strata, pull: np.ndarray) -> np.ndarray:
    """The most likely rates of the strata for a share that lies some way off the estimate.

    Those that maximise the likelihood for a given weighted sum, by its Lagrange multiplier, solve
    a quadratic equation each.

    Args:
        strata: of the population.
        pull: (...,), the multiplier: 0 is the estimate, more is a smaller share.
    """
    # With the correction for a finite population a count weighs more; a whole stratum is fixed.
    return most_likely(strata.inside, strata.found, pull[..., None] * strata.weight * strata.finite)


def most_likely(trials: np.ndarray, hits: np.ndarray, force: np.ndarray) -> np.ndarray:
    """The rate that maximises the likelihood of hits less `force` times the rate."""
    down = _rate(trials, hits, np.maximum(force, 0))
    up = 1 - _rate(trials, trials - hits, np.maximum(-force, 0))
    return np.where(force >= 0, down, up)


def _rate(trials: np.ndarray, hits: np.ndarray, force: np.ndarray) -> np.ndarray:
    """The root of `force * p**2 - (trials + force) * p + hits` in [0, 1]."""
    # As a sum without a difference of nearly equal numbers.
    root = np.sqrt((trials - force) ** 2 + 4 * force * (trials - hits))
    return 2 * hits / np.maximum(trials + force + root, _TINY)


def counts_behind(share: Share, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """The counts of a plain random sample whose Wilson interval is the given one.

    So that an estimate from strata, or from much of a population, enters a binomial likelihood
    with the weight that it has.

    Args:
        share: with interval ends that differ.
        level: coverage of the interval.

    Returns:
        Numbers of hits and of trials; no trials for an interval from 0 to 1.
    """
    low, high = (np.asarray(end, float) for end in (share.low, share.high))
    both = np.sqrt(low * high)
    # The ends are the roots of (hits / trials - x)^2 = z^2 x (1 - x) / trials.
    root = 1 / np.maximum(both + np.sqrt((1 - low) * (1 - high)), _TINY)
    trials = float(norm.ppf((1 + level) / 2)) ** 2 / np.maximum(root**2 - 1, _TINY)
    return trials * both * root, trials
