"""Estimators of prevalence from scores: EM, the confusion matrix, a mixture."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

_EPS = 1e-7  # scores of 0 and 1 have no finite logit
HALF = 0.5  # pseudo-count of presences and of absences, which keeps estimates off 0 and 1
PSEUDO_CELLS = 4.0  # weight of the variance over all species in that of one, in known cells
_BISECTIONS = 50


class Moments(NamedTuple):
    """Number, mean and sum of squared deviations of known logits, each (..., species)."""

    number: Tensor
    mean: Tensor
    deviation: Tensor


def em_prevalence(scores: Tensor, made_under: Tensor, weight: Tensor | None = None) -> Tensor:
    """The maximum-likelihood prior of the recordings, if they differ in the prior only.

    This is the fixed point of the EM iteration that corrects the scores to the current prior and
    takes their mean as the next one. The log-likelihood is concave, so bisection finds it.

    Args:
        scores: (..., recordings, species) in [0, 1], calibrated.
        made_under: (..., species) in (0, 1), the prior of the calibration: the share of presences
            among the cells that it was fitted on.
        weight: (..., recordings), weight of each recording; None for 1.

    Returns:
        (..., species), shrunk towards 1/2 by half a presence and half an absence.

    Source: Saerens et al. (2002), doi:10.1162/089976602753284446, for two classes; the
        pseudo-counts are ours.
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
    """The share of presences that explains a mean score.

    Args:
        mean: (..., species) score over the recordings.
        present: (..., species) mean score over known presences.
        absent: (..., species) mean score over known absences.

    Returns:
        (..., species) in [0, 1]; 1/2 where known presences score no higher than known absences.

    Source: black box shift estimation, Lipton et al. (2018), arXiv:1802.03916, with the soft
        confusion matrix of two classes for each species.
    """
    found = ((mean - absent) / (present - absent)).clamp(0, 1)
    return torch.where(present > absent, found, 0.5)


def mixture_prevalence(
    logits: Tensor, weight: Tensor, present: Moments, absent: Moments, steps: int = 150
) -> Tensor:
    """EM for the share of presences in a mixture of two normal densities of logits.

    The density of presences is known from recordings with a TP row. The density of absences is
    not: an FP row labels one window, which was chosen because it is a false alarm, and the species
    may be present in the rest of the recording. Unlike in `em_prevalence`, it is therefore
    estimated together with the prior, with a mean no higher than that of presences. Windows
    labelled absent initialise it and count as observations.

    If a species is not detected, or present in almost every recording, one broad density of
    absences can explain all scores, and the estimate is far too low. `checked_prevalence` widens
    the interval in such cases.

    Args:
        logits: (recordings, species) of whole recordings.
        weight: (..., recordings), weight of each recording.
        present: of recordings in which the species is known to be present.
        absent: of windows in which it is known to be absent, counted in units of recordings.
        steps: of EM.

    Returns:
        (..., species), shrunk towards 1/2 as in `em_prevalence`.
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
    """(..., 1): the variance within presences and within absences, over all species."""
    spread = (present.deviation + absent.deviation).sum(-1, keepdim=True)
    return (spread / (present.number + absent.number).sum(-1, keepdim=True)).clamp(min=_EPS)


def bisected(climbs: Callable[[Tensor], Tensor], low: Tensor, high: Tensor) -> Tensor:
    """The point between `low` and `high` up to which a condition holds, by bisection."""
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        up = climbs(middle)
        low, high = torch.where(up, middle, low), torch.where(up, high, middle)
    return (low + high) / 2


def _log_normal(values: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    """Log density up to a constant, (species, n), (..., species) twice -> (..., species, n)."""
    mean, variance = mean[..., None], variance[..., None]
    return -0.5 * ((values - mean) ** 2 / variance + variance.log())
