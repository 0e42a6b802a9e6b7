"""Prevalence of species in unlabelled recordings, estimated from their scores."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from rfcx_audio.scores.known_scores import KnownScores
from rfcx_audio.scores.reviewed_windows import ReviewedWindows, reviewed_likelihood

_EPS = 1e-7  # scores of 0 and 1 have no finite logit
_PSEUDO_CELLS = 4.0  # weight of the variance over all species in that of one, in known cells
_BINS = 60  # of the logits of a species
_MOST_RECORDINGS = 60  # more count as so many, as the densities are normal only roughly
_STEP, _FURTHEST = 0.2, 7.0  # of the grid of prevalences, log-odds
_STRAY, _STRAY_WIDTH = 0.02, 5.0  # share of scores that neither density explains, and their spread
_SUREST = 12.0  # log-odds that balanced scores do not exceed: normal tails promise too much
LEVEL = 0.9  # probability of an interval
_WIDEST = 20.0  # ratio of the odds at the ends of an interval; 140 before any recording is scored


class Prevalence(NamedTuple):
    """Shares of recordings with the species, each (species,) float64 in [0, 1].

    Attributes:
        estimate: the mean of the posterior, in log-odds; NaN where there is none.
        low: lower end of the 90 % interval; 0 without an estimate.
        high: its upper end; 1 without an estimate.
    """

    estimate: Tensor
    low: Tensor
    high: Tensor


@dataclass(frozen=True)
class Beliefs:
    """What is believed before unlabelled recordings are scored.

    Shifts are in standard deviations of the known scores (in log-odds) of a species; each has a
    normal prior. The numbers were chosen on a mix of real calls and a synthetic rainforest, with
    their truth. The estimate of a species that is detected depends little on each of them; that of
    another hardly on anything else.

    Attributes:
        present_shift: mean and standard deviation of how much lower presences score at large than
            confirmed ones, which are rather clear.
        absent_shift: of how much higher the highest window of a recording without the species
            scores than one window of it that was ruled out.
        spread: standard deviation, in nepers, of the factor of each density's spread.
        present_spread: that factor's median, of presences: known ones come from several networks.
        absent_spread: of absences: the highest of many windows varies less than one.
        prevalence: mean and standard deviation of a prevalence, in log-odds: 8 to 62 % in two of
            three species.
        filled: mean and standard deviation, in log-odds, of the share of a recording's windows in
            which a species of it calls, beside the one that there must be; for reviewed windows.
        draws: of these numbers, over which the posterior is averaged.
    """

    present_shift: tuple[float, float] = (0.3, 0.7)
    absent_shift: tuple[float, float] = (0.4, 0.8)
    spread: float = 0.25
    present_spread: float = 0.8
    absent_spread: float = 0.7
    prevalence: tuple[float, float] = (-1.0, 1.5)
    filled: tuple[float, float] = (0.0, 1.5)
    draws: int = 1024


class _Moments(NamedTuple):
    """Number, mean and standard deviation of known logits, each (species,)."""

    number: Tensor
    mean: Tensor
    deviation: Tensor


def estimate_prevalence(
    scores: Tensor,
    known: KnownScores,
    beliefs: Beliefs | None = None,
    reviewed: ReviewedWindows | None = None,
) -> Prevalence:
    """The posterior of the prevalence of each species in recordings.

    The scores of a species, in log-odds, are a mixture of two normal densities: of recordings with
    it, and of those without. Neither is known exactly. Confirmed calls are clearer than others, and
    a row of absence labels one window of a recording, which was chosen because it is a false alarm.
    So the known scores are evidence about both densities, with room for the differences; the
    posterior is averaged over it. A species that scores the same with and without its calls keeps
    nearly the prior, with a wide interval: for it, a few reviewed windows tell far more.

    Args:
        scores: (recordings, species) in [0, 1], of whole unlabelled recordings.
        known: of recordings that their model was not trained on.
        beliefs: None: the default ones.
        reviewed: windows of the same recordings, which enter as independent evidence; None: none.

    Returns:
        NaN, 0 and 1 for a species without reviewed windows that lacks known presences or absences.

    Raises:
        ValueError: the numbers of species differ.

    Source: the mixture as in Saerens et al. (2002), doi:10.1162/089976602753284446, with densities
        that are not known; averaged over Sobol points.
    """
    if scores.shape[1:] != known.present.shape[1:]:
        raise ValueError(
            f"the scores have {tuple(scores.shape[1:])} species, the known ones "
            f"{tuple(known.present.shape[1:])}: they must come from the same model"
        )
    beliefs = beliefs or Beliefs()
    logits = scores.double().logit(_EPS)
    present, absent, unlabelled = _known_moments(known)
    missing = (present.number == 0) | (absent.number == 0)
    grid = torch.arange(-_FURTHEST, _FURTHEST + _STEP / 2, _STEP, dtype=torch.float64)
    draws = _normal_draws(beliefs.draws, 4)
    evidence = torch.ones(len(grid), scores.shape[1], dtype=torch.float64)
    is_reviewed = torch.zeros_like(missing)
    if reviewed is not None:
        evidence = reviewed_likelihood(grid.sigmoid(), reviewed, beliefs.filled)
        is_reviewed = reviewed.judged > 0
    parts = []
    for number in range(scores.shape[1]):
        if missing[number] and not is_reviewed[number]:
            parts.append((torch.nan, 0.0, 1.0))
            continue
        weight = _believed(grid, beliefs).exp()
        if not missing[number]:
            one, other = (_Moments(*(v[number] for v in of)) for of in (present, absent))
            densities = _densities(one, other, float(unlabelled[number]), draws, beliefs)
            weight = _posterior(logits[:, number], *densities, grid, beliefs)
        parts.append(_summary(weight * evidence[:, number], grid))
    return Prevalence(*torch.tensor(parts, dtype=torch.float64).reshape(-1, 3).T)


def balanced_scores(scores: Tensor, known: KnownScores, beliefs: Beliefs | None = None) -> Tensor:
    """Scores as probabilities, if half of the recordings had each species; their order stays.

    The log-odds are the logarithm of the ratio of two normal densities with one variance, of
    presences and absences as `estimate_prevalence` expects them. A network's own log-odds rarely
    are: those of a head with strong weight decay lie close together, and a correction to a
    prevalence would outweigh them.

    Args:
        scores: (..., species) in [0, 1].
        known: of recordings that their model was not trained on.
        beliefs: None: the default ones.

    Returns:
        The same shape, float64; a species without a known presence or absence, or whose presences
        are not expected to score higher, is returned as it is.
    """
    beliefs = beliefs or Beliefs()
    present, absent, unlabelled = _known_moments(known)
    high = present.mean - beliefs.present_shift[0] * present.deviation
    low = absent.mean + unlabelled * beliefs.absent_shift[0] * absent.deviation
    variance = (present.deviation**2 + absent.deviation**2) / 2
    is_usable = (present.number > 0) & (absent.number > 0) & (high > low)
    logits = scores.double().logit(_EPS)
    ratio = (high - low) / variance * (logits - (high + low) / 2)
    bounded = ratio / (1 + (ratio / _SUREST) ** 2).sqrt()  # float32 keeps their order
    return torch.where(is_usable, bounded, logits).sigmoid()


def uncertain_species(
    found: Prevalence, species: Sequence[str], reviewed: ReviewedWindows | None = None
) -> list[str]:
    """The species of which the scores tell little, by the odds at the ends of their intervals.

    A correction to such estimates can cost more than it brings, see docs/findings.md.

    Args:
        found: of all species; those without an estimate are left out.
        species: their names.
        reviewed: of the same; species with reviewed windows are left out, as these tell enough for
            a correction. None: none.
    """
    wide = found.high.logit() - found.low.logit() > math.log(_WIDEST)
    wide &= ~found.estimate.isnan()
    if reviewed is not None:
        wide &= reviewed.judged == 0
    return [name for name, is_wide in zip(species, wide, strict=True) if is_wide]


def mean_prevalence(several: Sequence[Prevalence]) -> Prevalence:
    """The mean, in log-odds, of the estimates and interval ends of several models."""
    parts = (torch.stack(part).logit() for part in zip(*several, strict=True))
    return Prevalence(*(part.nanmean(0).sigmoid() for part in parts))


def _known_moments(known: KnownScores) -> tuple[_Moments, _Moments, Tensor]:
    """Those of presences and absences, and the share of windows that no row of absence labels."""
    present, absent = _moments(known.present), _moments(known.absent)
    labelled = torch.where(known.absent.isnan(), 0, known.share.double()).sum(0)
    return present, absent, 1 - labelled / absent.number.clamp(min=1)


def _moments(scores: Tensor) -> _Moments:
    """Of (recordings, species) scores, NaN where unknown; spreads lean on those of all species."""
    logits, is_known = scores.double().logit(_EPS), ~scores.isnan()
    number = is_known.sum(0).double()
    logits = torch.where(is_known, logits, 0)
    mean = logits.sum(0) / number.clamp(min=1)
    away = torch.where(is_known, (logits - mean) ** 2, 0).sum(0)
    freedom = (number - 1).clamp(min=0)
    common = away.sum() / freedom.sum().clamp(min=1)
    variance = (away + _PSEUDO_CELLS * common) / (freedom + _PSEUDO_CELLS)
    return _Moments(number, mean, variance.clamp(min=_EPS).sqrt())


def _normal_draws(number: int, dimensions: int) -> Tensor:
    """(number, dimensions) standard normal numbers, spread evenly; always the same."""
    points = torch.quasirandom.SobolEngine(dimensions).draw(number + 1)[1:].double()
    return torch.special.ndtri(points)  # without the first point, which is 0


def _densities(
    present: _Moments, absent: _Moments, unlabelled: float, draws: Tensor, beliefs: Beliefs
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Means and standard deviations of presences and absences, each (draws,).

    Args:
        present: of one species.
        absent: of one species.
        unlabelled: share of the windows of its recordings with absences that no row labels.
        draws: (draws, 4), standard normal.
        beliefs: see there.
    """
    unit = (present.deviation + absent.deviation) / 2

    def scaled(scale: float, of: _Moments) -> Tensor:  # with the error of a mean of few
        return ((scale * unit) ** 2 + of.deviation**2 / of.number).sqrt()

    shift, scale = beliefs.present_shift
    high = present.mean - shift * present.deviation + scaled(scale, present) * draws[:, 0]
    shift, scale = beliefs.absent_shift
    low = absent.mean + unlabelled * shift * absent.deviation + scaled(scale, absent) * draws[:, 1]
    factors = (beliefs.spread * draws[:, 2:]).exp()
    one = beliefs.present_spread * present.deviation * factors[:, 0]
    other = beliefs.absent_spread * absent.deviation * factors[:, 1]
    return high, one, low, other


def _posterior(
    logits: Tensor,
    high: Tensor,
    one: Tensor,
    low: Tensor,
    other: Tensor,
    grid: Tensor,
    beliefs: Beliefs,
) -> Tensor:
    """(grid,) posterior probability of each prevalence, from the (recordings,) logits of a species.

    Draws in which presences score below absences have no weight.
    """
    least, most = float(logits.min()) - _EPS, float(logits.max()) + _EPS
    edges = torch.linspace(least, most, _BINS + 1, dtype=torch.float64)
    count = torch.histc(logits, _BINS, least, most) * min(1, _MOST_RECORDINGS / len(logits))
    middle = (edges[1:] + edges[:-1]) / 2
    unit = float((one + other).mean() / 2)

    def density(mean: Tensor, deviation: Tensor) -> Tensor:  # (draws, bins), up to a factor
        scaled = (middle - mean[:, None]) / deviation[:, None]
        normal = (-0.5 * scaled**2).exp() / deviation[:, None]
        return (1 - _STRAY) * normal + _STRAY / (_STRAY_WIDTH * unit)

    present, absent = density(high, one), density(low, other)
    share = grid.sigmoid()
    likelihood = torch.stack(
        [(p * present + (1 - p) * absent).log() @ count for p in share.tolist()], dim=1
    )
    likelihood = likelihood + _believed(grid, beliefs)
    likelihood = likelihood.masked_fill((high <= low)[:, None], -torch.inf)
    if likelihood.max() == -torch.inf:  # nothing can be learned from such scores
        likelihood = _believed(grid, beliefs)[None]
    return likelihood.flatten().softmax(0).view(likelihood.shape).sum(0)


def _believed(grid: Tensor, beliefs: Beliefs) -> Tensor:
    """(grid,) logarithm of the prior of a prevalence."""
    mean, deviation = beliefs.prevalence
    return -0.5 * ((grid - mean) / deviation) ** 2


def _summary(weight: Tensor, grid: Tensor) -> tuple[float, float, float]:
    """The mean in log-odds and the ends of the interval of a posterior on a grid."""
    weight = weight / weight.sum()
    tail = (1 - LEVEL) / 2
    # Each point of the grid stands for the stretch around it.
    ends = np.interp([tail, 1 - tail], weight.cumsum(0).numpy(), grid.numpy() + _STEP / 2)
    low, high = torch.from_numpy(ends).sigmoid().tolist()
    return float((weight * grid).sum().sigmoid()), low, high
