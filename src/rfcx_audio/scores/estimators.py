"""Estimators of a prevalence from scores: EM, the confusion matrix, a mixture."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

_EPS = 1e-7  # scores of 0 and 1 have no finite logit
HALF = 0.5  # of a presence and of an absence, which keep every estimate off 0 and 1
PSEUDO_CELLS = 4.0  # known cells that the variance of all species is worth to one of them
_BISECTIONS = 50


class Moments(NamedTuple):
    """Known logits by their number, mean and sum of squared deviations, each (..., species)."""

    number: Tensor
    mean: Tensor
    deviation: Tensor


def em_prevalence(scores: Tensor, made_under: Tensor, weight: Tensor | None = None) -> Tensor:
    """The prior under which recordings are likeliest, if only the prior differs from `made_under`.

    Where the EM iteration "correct the odds to the prior; the prior is their mean" ends. The
    likelihood is concave in the prior, so bisection finds that end.

    Args:
        scores: (..., recordings, species) in [0, 1], calibrated.
        made_under: (..., species) in (0, 1), the prior that the calibration implies: the share of
            presences among the cells that it was fitted on.
        weight: (..., recordings), how often each recording counts; None: once.

    Returns:
        (..., species), drawn a little to 1/2: as if one more recording had been half present.

    Source: Saerens et al. (2002), doi:10.1162/089976602753284446, for two classes; the half
        recording is ours.
    """
    odds = scores.double().logit(_EPS) - made_under.double().logit()[..., None, :]
    excess = odds.exp() - 1  # (..., recordings, species), of the likelihood ratio over 1
    count = torch.ones_like(excess[..., 0]) if weight is None else weight.double()

    def climbs(prior: Tensor) -> Tensor:
        slope = (count[..., None] * excess / (1 + prior[..., None, :] * excess)).sum(-2)
        return slope + HALF / prior - HALF / (1 - prior) > 0

    start = torch.zeros_like(excess[..., 0, :] * count[..., :1])
    return bisected(climbs, start, start + 1)


def confusion_prevalence(mean: Tensor, present: Tensor, absent: Tensor) -> Tensor:
    """The share of presences that makes a mean score what it is.

    Args:
        mean: (..., species) score over the recordings.
        present: (..., species) mean score over known presences.
        absent: (..., species) mean score over known absences.

    Returns:
        (..., species) in [0, 1]; 1/2 where known presences score no higher than absences.

    Source: black box shift estimation, Lipton et al. (2018), arXiv:1802.03916, with the soft
        confusion matrix of two classes, a species at a time.
    """
    found = ((mean - absent) / (present - absent)).clamp(0, 1)
    return torch.where(present > absent, found, 0.5)


def mixture_prevalence(
    logits: Tensor, weight: Tensor, present: Moments, absent: Moments, steps: int = 150
) -> Tensor:
    """EM for the share of a known density, that of presences, beside an unknown one.

    What a recording without the species scores is not known: an FP row labels one window, was
    chosen because it deceives, and the rest of its recording may hold the species. So, unlike in
    `em_prevalence`, the density of absences is found together with the prior: both are normal in
    logits, presences as in recordings with a TP row, absences with a mean no higher. The ruled-out
    windows are where the search begins, and count by their number. Where a species is not detected,
    or absent from few recordings only, one broad density of absences can explain everything: an
    estimate far too low, which `checked_prevalence` is there to doubt.

    Args:
        logits: (recordings, species) of whole recordings.
        weight: (..., recordings), how often each of them counts.
        present: of recordings that are known to have the species.
        absent: of windows that are known to lack it; as many as the recordings that they amount to.
        steps: of EM.

    Returns:
        (..., species), drawn to 1/2 as in `em_prevalence`.
    """
    values = logits.double().T  # (species, recordings)
    count = weight.double()[..., None, :]  # (..., 1, recordings)
    common = common_variance(present, absent)  # (..., 1)
    spread = present.deviation + PSEUDO_CELLS * common
    upper = _log_normal(values, present.mean, spread / (present.number + PSEUDO_CELLS))
    mean = torch.minimum(absent.mean, present.mean)
    variance = common.expand_as(mean)
    prior = torch.full_like(mean, 0.5)
    for _ in range(steps):
        lower = _log_normal(values, mean, variance)
        is_present = torch.sigmoid(upper - lower + prior.logit()[..., None])
        lacks = count * (1 - is_present)  # (..., species, recordings)
        number = lacks.sum(-1)
        total = number + absent.number
        prior = 1 - (number + HALF) / (count.sum(-1) + 2 * HALF)
        mean = ((lacks * values).sum(-1) + absent.number * absent.mean) / total
        mean = torch.minimum(mean, present.mean)
        away = (lacks * (values - mean[..., None]) ** 2).sum(-1)
        away = away + absent.deviation + absent.number * (absent.mean - mean) ** 2
        variance = (away + PSEUDO_CELLS * common) / (total + PSEUDO_CELLS)
    return prior


def common_variance(present: Moments, absent: Moments) -> Tensor:
    """(..., 1): within presences and within absences, over all species."""
    spread = (present.deviation + absent.deviation).sum(-1, keepdim=True)
    return (spread / (present.number + absent.number).sum(-1, keepdim=True)).clamp(min=_EPS)


def bisected(climbs: Callable[[Tensor], Tensor], low: Tensor, high: Tensor) -> Tensor:
    """Where a condition that holds below and not above changes."""
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        up = climbs(middle)
        low, high = torch.where(up, middle, low), torch.where(up, high, middle)
    return (low + high) / 2


def _log_normal(values: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    """Up to a constant: (species, n), (..., species), (..., species) -> (..., species, n)."""
    mean, variance = mean[..., None], variance[..., None]
    return -0.5 * ((values - mean) ** 2 / variance + variance.log())
