"""Prevalence of species in unlabelled recordings, estimated from their scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor

from rfcx_audio.data import Annotations
from rfcx_audio.scores.estimators import (
    HALF,
    PSEUDO_CELLS,
    Moments,
    common_variance,
    confusion_prevalence,
    em_prevalence,
    mixture_prevalence,
)
from rfcx_audio.scores.known import check_labels, label_keys
from rfcx_audio.scores.pool import Pool, pool_windows
from rfcx_audio.scores.scores import Scores

Estimator = Literal["mixture", "em", "confusion"]

_EPS = 1e-7  # scores of 0 and 1 have no finite logit
_LEAST_COUNT = 1e-3  # of each recording in a bootstrap sample, so that each has every species
_BLOCK = 50  # bootstrap samples at once, which bounds the memory
LEVEL, _NORMAL = 0.9, 1.6449  # coverage of an interval; half its width in standard deviations


class KnownScores(NamedTuple):
    """Scores of known presences and absences; NaN where there is none.

    Attributes:
        present: (recordings, species) pooled score of a recording where the species is present.
        absent: (recordings, species) highest score of the windows labelled absent.
        share: (recordings, species) in [0, 1], share of the recording's windows labelled absent.
    """

    present: Tensor
    absent: Tensor
    share: Tensor


class Prevalence(NamedTuple):
    """Shares of recordings with the species, each (species,) float64 in [0, 1].

    Attributes:
        estimate: the point estimate; NaN where there is none.
        low: lower end of the 90 % bootstrap interval; 0 without an estimate.
        high: its upper end; 1 without an estimate.
    """

    estimate: Tensor
    low: Tensor
    high: Tensor


def estimate_prevalence(
    scores: Tensor,
    known: KnownScores,
    generator: torch.Generator,
    estimator: Estimator = "mixture",
    num_bootstrap: int = 200,
) -> Prevalence:
    """The prevalence of each species in recordings, with intervals.

    For `em` and `confusion`, scores are first calibrated by the logistic function that separates
    known presences from known absences, as normal densities with one variance.

    Args:
        scores: (recordings, species) in [0, 1], of whole unlabelled recordings.
        known: of recordings that their model was not trained on.
        generator: draws the bootstrap samples of both: whole recordings, with replacement.
        estimator: `mixture_prevalence`, `em_prevalence` or `confusion_prevalence`.
        num_bootstrap: number of bootstrap samples.

    Returns:
        NaN, 0 and 1 for a species without a known presence or absence, and (`em`, `confusion`) for
        one whose known presences score no higher than its known absences.

    Raises:
        ValueError: the estimator is unknown, or the numbers of species differ.
    """
    if estimator not in get_args(Estimator):
        raise ValueError(f"estimator = {estimator!r}; choose one of {get_args(Estimator)}")
    if scores.shape[1:] != known.present.shape[1:]:
        raise ValueError(
            f"the scores have {tuple(scores.shape[1:])} species, the known ones "
            f"{tuple(known.present.shape[1:])}: they must come from the same model"
        )
    logits = scores.double().logit(_EPS)
    counts = _bootstrap(len(known.present), num_bootstrap, generator)
    weights = _bootstrap(len(scores), num_bootstrap, generator)
    blocks = zip(counts.split(_BLOCK), weights.split(_BLOCK), strict=True)
    found = torch.cat([_estimates(logits, w, known, c, estimator) for c, w in blocks])
    rest = found[1:] if num_bootstrap else found
    tail = (1 - LEVEL) / 2
    # A sample without an estimate is compatible with everything.
    low = torch.minimum(rest.nan_to_num(0).quantile(tail, dim=0), found[0])
    high = torch.maximum(rest.nan_to_num(1).quantile(1 - tail, dim=0), found[0])
    missing = known.present.isnan().all(0) | known.absent.isnan().all(0) | found[0].isnan()
    return Prevalence(
        found[0].masked_fill(missing, torch.nan),
        low.masked_fill(missing, 0),
        high.masked_fill(missing, 1),
    )


def mean_prevalence(several: Sequence[Prevalence]) -> Prevalence:
    """The mean, in log-odds, of the estimates and interval ends of several models."""
    parts = (torch.stack(part).logit() for part in zip(*several, strict=True))
    return Prevalence(*(part.nanmean(0).sigmoid() for part in parts))


def confidence(found: Prevalence, shift_std: float = 1.4) -> Tensor:
    """The share of a correction to apply: 1 for an interval without width, 0 for [0, 1].

    The posterior mean of a shift in log-odds, as a share of the estimated shift. The estimate has
    a normal error, with the standard deviation of the interval; the prior is normal around 0.

    Args:
        found: an estimate.
        shift_std: standard deviation of the prior, in log-odds.

    Returns:
        (species,) in [0, 1].
    """
    error = (found.high.logit() - found.low.logit()) / (2 * _NORMAL)
    return 1 / (1 + (error / shift_std) ** 2)


def shrunk_prevalence(scores: Tensor, found: Prevalence, share: Tensor) -> Tensor:
    """The prevalence, shrunk from its estimate towards the mean of the scores.

    Args:
        scores: (recordings, species) in [0, 1].
        found: an estimate.
        share: (species,) in [0, 1], see `confidence`; in log-odds, 0 is the scores' mean and
            1 the estimate.
    """
    observed = scores.double().mean(0).logit(_EPS)
    shift = torch.where(share > 0, share * (found.estimate.logit() - observed), 0)
    return (observed + shift).sigmoid()


def known_scores(
    scores: Scores, annotations: Annotations, pool: Pool, min_overlap: float
) -> KnownScores:
    """The scores of known presences and absences.

    Args:
        scores: of windows.
        annotations: see `check_labels` for what does not match.
        pool: of the windows of a recording.
        min_overlap: see `label_windows`.

    Raises:
        ValueError: no recording has both scores and annotations.
    """
    scores = scores.rows_of(check_labels(scores.recordings, annotations))
    labels = label_keys(scores.keys, len(scores.species), annotations, min_overlap)
    found: list[tuple[Tensor, Tensor, Tensor]] = []
    for places in scores.places.values():
        values, target = torch.from_numpy(scores.values[places]).double(), labels.target[places]
        known = labels.known[places] > 0  # (windows, species)
        present, lacks = (known & (target >= 0.5)).any(0), known & (target < 0.5)
        highest = torch.where(lacks, values, -1).amax(0)
        found.append(
            (
                pool_windows(values, pool).masked_fill(~present, torch.nan),
                highest.masked_fill(~lacks.any(0), torch.nan),
                lacks.double().mean(0),
            )
        )
    return KnownScores(*(torch.stack(part) for part in zip(*found, strict=True)))


def _estimates(
    logits: Tensor, weights: Tensor, known: KnownScores, counts: Tensor, estimator: Estimator
) -> Tensor:
    """(samples, species): one estimate per bootstrap sample of known and unlabelled recordings."""
    present = _moments(known.present, (~known.present.isnan()).double(), counts)
    if estimator == "mixture":
        absent = _moments(known.absent, known.share, counts)
        return mixture_prevalence(logits, weights, present, absent)
    absent = _moments(known.absent, (~known.absent.isnan()).double(), counts)
    total = present.number + absent.number + PSEUDO_CELLS
    spread = present.deviation + absent.deviation
    variance = (spread + PSEUDO_CELLS * common_variance(present, absent)) / total
    slope = ((present.mean - absent.mean) / variance).clamp(min=0)
    middle = (present.mean + absent.mean) / 2

    def calibrated(values: Tensor) -> Tensor:  # under a prior of 1/2
        return torch.sigmoid(slope[:, None] * (values - middle[:, None]))

    scores = calibrated(logits)  # (samples, recordings, species)
    undetected = slope <= 0
    if estimator == "em":
        found = em_prevalence(scores, torch.full_like(slope, 0.5), weights)
        return found.masked_fill(undetected, torch.nan)

    def mean(values: Tensor) -> Tensor:
        known_values = calibrated(values.logit(_EPS))
        weight = torch.where(known_values.isnan(), 0, counts[..., None])
        return (weight * known_values.nan_to_num()).sum(1) / weight.sum(1)

    mean_score = (weights[..., None] * scores).sum(1) / weights.sum(1, keepdim=True)
    share = confusion_prevalence(mean_score, mean(known.present), mean(known.absent))
    found = (share * len(logits) + HALF) / (len(logits) + 2 * HALF)
    return found.masked_fill(undetected, torch.nan)


def _moments(scores: Tensor, weight: Tensor, counts: Tensor) -> Moments:
    """Moments of (recordings, species) scores for each row of (samples, recordings) counts."""
    logits = scores.logit(_EPS).nan_to_num()
    number = counts @ weight
    mean = counts @ (weight * logits) / number.clamp(min=_EPS)
    square = counts @ (weight * logits**2)
    return Moments(number, mean, (square - number * mean**2).clamp(min=0))


def _bootstrap(num: int, samples: int, generator: torch.Generator) -> Tensor:
    """(1 + samples, num): count of each recording; 1 in the first row, the original sample."""
    drawn = torch.randint(num, (samples, num), generator=generator)
    ones = torch.ones(samples, num, dtype=torch.float64)
    counts = torch.full_like(ones, _LEAST_COUNT).scatter_add_(1, drawn, ones)
    return torch.cat([torch.ones(1, num, dtype=torch.float64), counts])
