"""How frequent species are in recordings that nobody has labelled, told by their scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, get_args

import pandas as pd
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor

from rfcx_audio.data import label_windows, rows_of
from rfcx_audio.inference.table import species_columns
from rfcx_audio.inference.windows import Pool, pool_windows

Estimator = Literal["mixture", "em", "confusion"]

_EPS = 1e-7  # scores of 0 and 1 have no finite logit
_HALF = 0.5  # of a presence and of an absence, which keep every estimate off 0 and 1
_PSEUDO_CELLS = 4.0  # known cells that the variance of all species is worth to one of them
_LEAST_COUNT = 1e-3  # of each cell in each resample, so that none has lost all of a species
_BISECTIONS = 50
_BLOCK = 50  # resamples at once, which bounds the memory
_LEVEL, _NORMAL = 0.9, 1.6449  # of an interval, and half its width in standard deviations


class KnownScores(NamedTuple):
    """What scores are like where the species is known; NaN wherever nobody has said anything.

    Attributes:
        present: (recordings, species) score of the whole recording, where a TP row confirms it.
        absent: (recordings, species) highest score of the windows that FP rows rule out.
        share: (recordings, species) in [0, 1], how much of the recording's windows those are.
    """

    present: Tensor
    absent: Tensor
    share: Tensor


class Moments(NamedTuple):
    """Known logits by their number, mean and sum of squared deviations, each (..., species)."""

    number: Tensor
    mean: Tensor
    deviation: Tensor


class Prevalence(NamedTuple):
    """Shares of the recordings, each (species,) float64 in [0, 1].

    Attributes:
        estimate: the best guess; NaN where nothing can be said.
        low: of the interval that holds nine of ten resampled estimates; 0 where nothing can.
        high: of the interval; 1 where nothing can be said.
    """

    estimate: Tensor
    low: Tensor
    high: Tensor


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
        return slope + _HALF / prior - _HALF / (1 - prior) > 0

    start = torch.zeros_like(excess[..., 0, :] * count[..., :1])
    return _bisected(climbs, start, start + 1)


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

    What a recording without the species scores is not known: an FP row speaks of one window, was
    chosen because it deceives, and the rest of its recording may hold the species. So, unlike in
    `em_prevalence`, the density of absences is found together with the prior: both are normal in
    logits, presences as in recordings with a TP row, absences with a mean no higher. The ruled-out
    windows are where the search begins, and count by their number. Where a species is not heard,
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
    heard = logits.double().T  # (species, recordings)
    count = weight.double()[..., None, :]  # (..., 1, recordings)
    common = _common_variance(present, absent)  # (..., 1)
    spread = present.deviation + _PSEUDO_CELLS * common
    upper = _log_normal(heard, present.mean, spread / (present.number + _PSEUDO_CELLS))
    mean = torch.minimum(absent.mean, present.mean)
    variance = common.expand_as(mean)
    prior = torch.full_like(mean, 0.5)
    for _ in range(steps):
        lower = _log_normal(heard, mean, variance)
        is_present = torch.sigmoid(upper - lower + prior.logit()[..., None])
        lacks = count * (1 - is_present)  # (..., species, recordings)
        number = lacks.sum(-1)
        total = number + absent.number
        prior = 1 - (number + _HALF) / (count.sum(-1) + 2 * _HALF)
        mean = ((lacks * heard).sum(-1) + absent.number * absent.mean) / total
        mean = torch.minimum(mean, present.mean)
        away = (lacks * (heard - mean[..., None]) ** 2).sum(-1)
        away = away + absent.deviation + absent.number * (absent.mean - mean) ** 2
        variance = (away + _PSEUDO_CELLS * common) / (total + _PSEUDO_CELLS)
    return prior


def estimate_prevalence(
    scores: Tensor,
    known: KnownScores,
    generator: torch.Generator,
    estimator: Estimator = "mixture",
    resamples: int = 200,
) -> Prevalence:
    """How frequent each species is in recordings, and how sure that is.

    For `em` and `confusion`, scores are calibrated by the logistic function between normal
    densities of one variance: known presences, and known absences.

    Args:
        scores: (recordings, species) in [0, 1], of whole unlabelled recordings.
        known: of recordings that their model has not seen.
        generator: draws the resamples of both, whole recordings with replacement.
        estimator: `mixture_prevalence`, `em_prevalence` or `confusion_prevalence`.
        resamples: number of them.

    Returns:
        A species without a known presence or without a known absence, or whose known presences do
        not score higher than its known absences (`em`, `confusion`): NaN, 0 and 1.

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
    counts = _resampled(len(known.present), resamples, generator)
    weights = _resampled(len(scores), resamples, generator)
    blocks = zip(counts.split(_BLOCK), weights.split(_BLOCK), strict=True)
    found = torch.cat([_estimates(logits, w, known, c, estimator) for c, w in blocks])
    rest = found[1:] if resamples else found
    tail = (1 - _LEVEL) / 2
    # A resample that says nothing is compatible with everything.
    low = torch.minimum(rest.nan_to_num(0).quantile(tail, dim=0), found[0])
    high = torch.maximum(rest.nan_to_num(1).quantile(1 - tail, dim=0), found[0])
    lacking = known.present.isnan().all(0) | known.absent.isnan().all(0) | found[0].isnan()
    return Prevalence(
        found[0].masked_fill(lacking, torch.nan),
        low.masked_fill(lacking, 0),
        high.masked_fill(lacking, 1),
    )


def checked_prevalence(found: Prevalence, check: Prevalence) -> Prevalence:
    """An estimate with an interval that holds that of another estimator too.

    Resampling does not see what an estimator assumes wrongly; where two that assume different
    things disagree, the interval becomes wide.
    """
    low, high = torch.minimum(found.low, check.low), torch.maximum(found.high, check.high)
    return Prevalence(found.estimate, low, high)


def mean_prevalence(several: Sequence[Prevalence]) -> Prevalence:
    """The mean in log-odds of the estimates of several models, and of their intervals' ends."""
    parts = (torch.stack(part).logit() for part in zip(*several, strict=True))
    return Prevalence(*(part.nanmean(0).sigmoid() for part in parts))


def surety(found: Prevalence, usual_shift: float = 1.4) -> Tensor:
    """How much of a correction to believe: all where the interval has no width, none where no end.

    The mean of what one should believe of a shift in log-odds after an estimate with a normal
    error, whose standard deviation is that of the interval, if before the estimate it was normal
    around none.

    Args:
        found: an estimate.
        usual_shift: nepers, standard deviation of the shift before the estimate.

    Returns:
        (species,) in [0, 1].
    """
    error = (found.high.logit() - found.low.logit()) / (2 * _NORMAL)
    return 1 / (1 + (error / usual_shift) ** 2)


def believed_prevalence(scores: Tensor, found: Prevalence, sure: Tensor) -> Tensor:
    """The prevalence between what scores say by themselves, their mean, and its estimate.

    Args:
        scores: (recordings, species) in [0, 1].
        found: an estimate.
        sure: (species,) in [0, 1]; in log-odds, 0 is the scores' mean and 1 the estimate.
    """
    said = scores.double().mean(0).logit(_EPS)
    shift = torch.where(sure > 0, sure * (found.estimate.logit() - said), 0)
    return (said + shift).sigmoid()


def implied_prior(scores: Tensor, prior: Tensor) -> Tensor:
    """The q under which odds times (prior / (1 - prior)) / (q / (1 - q)) have the prior as mean.

    Args:
        scores: (recordings, species) in [0, 1].
        prior: (species,) in (0, 1).

    Returns:
        (species,) float64.
    """
    logits, goal = scores.double().logit(_EPS), prior.double()

    def too_low(shift: Tensor) -> Tensor:
        return (logits + shift).sigmoid().mean(0) < goal

    shift = _bisected(too_low, torch.full_like(goal, -40), torch.full_like(goal, 40))
    return (goal.logit() - shift).sigmoid()


def known_scores(
    table: pd.DataFrame, rows: pd.DataFrame, pool: Pool, min_overlap: float
) -> KnownScores:
    """The scores of known presences and absences.

    Args:
        table: windows, as `score_table` makes them.
        rows: as `read_rfcx` returns them; rows of recordings without scores are passed over.
        pool: of a recording.
        min_overlap: see `label_windows`.

    Raises:
        ValueError: no recording has both scores and rows.
    """
    columns = [name for name in table if name not in ("recording_id", "t_min", "t_max")]
    by_recording = dict(iter(rows.groupby("recording_id")))
    found: list[tuple[Tensor, Tensor, Tensor]] = []
    for name, windows in table.groupby("recording_id", sort=False):
        if name not in by_recording:
            continue
        scores = torch.tensor(windows[columns].to_numpy(dtype="float64", copy=True))
        starts_s = torch.tensor(windows["t_min"].to_numpy(dtype="float64", copy=True))
        duration_s = float((windows["t_max"] - windows["t_min"]).iloc[0])
        told = rows_of(by_recording[name])
        labels = label_windows(told, starts_s, duration_s, len(columns), min_overlap)
        present = ((labels.known > 0) & (labels.target >= 0.5)).any(0)
        lacks = (labels.known > 0) & (labels.target < 0.5)  # (windows, species)
        highest = torch.where(lacks, scores, -1).amax(0)
        found.append(
            (
                pool_windows(scores, pool).masked_fill(~present, torch.nan),
                highest.masked_fill(~lacks.any(0), torch.nan),
                lacks.double().mean(0),
            )
        )
    if not found:
        raise ValueError("no recording has both scores and rows; check the recording ids")
    return KnownScores(*(torch.stack(part) for part in zip(*found, strict=True)))


def draw_prevalence(found: Prevalence, against: Tensor, says: str) -> Figure:
    """Estimates with their intervals against something else, both as shares on a logit scale.

    Args:
        found: an estimate.
        against: (species,) in [0, 1], the true prevalence, or what the raw scores say.
        says: what that is, for the axis.
    """
    figure = Figure(figsize=(7, 7), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    least = 2e-3  # an axis of log-odds has no end
    known = ~found.estimate.isnan()
    x, *shares = (v[known].clamp(least, 1 - least) for v in (against.double(), *found))
    y, low, high = shares
    axes.plot([least, 1 - least], [least, 1 - least], color="grey", linestyle="--", linewidth=1)
    axes.errorbar(
        x.numpy(),
        y.numpy(),
        torch.stack([y - low, high - y]).numpy(),
        fmt="o",
        color="#2a7f62",
        ecolor="#9fc7b7",
        capsize=2,
    )
    names = [n for n, there in zip(species_columns(len(known)), known, strict=True) if there]
    for name, *place in zip(names, x.tolist(), y.tolist(), strict=True):
        axes.annotate(name, (place[0], place[1]), xytext=(4, 4), textcoords="offset points")
    axes.set_xscale("logit")
    axes.set_yscale("logit")
    axes.set_xlabel(says)
    axes.set_ylabel(f"estimated prevalence, {_LEVEL:.0%} intervals")
    axes.grid(alpha=0.3)
    return figure


def _estimates(
    logits: Tensor, weights: Tensor, known: KnownScores, counts: Tensor, estimator: Estimator
) -> Tensor:
    """(resamples, species): one estimate for each weighting of recordings, known and unlabelled."""
    present = _moments(known.present, (~known.present.isnan()).double(), counts)
    if estimator == "mixture":
        absent = _moments(known.absent, known.share, counts)
        return mixture_prevalence(logits, weights, present, absent)
    absent = _moments(known.absent, (~known.absent.isnan()).double(), counts)
    total = present.number + absent.number + _PSEUDO_CELLS
    spread = present.deviation + absent.deviation
    variance = (spread + _PSEUDO_CELLS * _common_variance(present, absent)) / total
    slope = ((present.mean - absent.mean) / variance).clamp(min=0)
    middle = (present.mean + absent.mean) / 2

    def calibrated(values: Tensor) -> Tensor:  # under a prior of 1/2
        return torch.sigmoid(slope[:, None] * (values - middle[:, None]))

    scores = calibrated(logits)  # (resamples, recordings, species)
    deaf = slope <= 0
    if estimator == "em":
        found = em_prevalence(scores, torch.full_like(slope, 0.5), weights)
        return found.masked_fill(deaf, torch.nan)

    def mean(values: Tensor) -> Tensor:
        said = calibrated(values.logit(_EPS))
        weight = torch.where(said.isnan(), 0, counts[..., None])
        return (weight * said.nan_to_num()).sum(1) / weight.sum(1)

    heard = (weights[..., None] * scores).sum(1) / weights.sum(1, keepdim=True)
    share = confusion_prevalence(heard, mean(known.present), mean(known.absent))
    found = (share * len(logits) + _HALF) / (len(logits) + 2 * _HALF)
    return found.masked_fill(deaf, torch.nan)


def _moments(scores: Tensor, weight: Tensor, counts: Tensor) -> Moments:
    """Of (recordings, species) scores, for each of (resamples, recordings) counts."""
    logits = scores.logit(_EPS).nan_to_num()
    number = counts @ weight
    mean = counts @ (weight * logits) / number.clamp(min=_EPS)
    square = counts @ (weight * logits**2)
    return Moments(number, mean, (square - number * mean**2).clamp(min=0))


def _common_variance(present: Moments, absent: Moments) -> Tensor:
    """(..., 1): within presences and within absences, over all species."""
    spread = (present.deviation + absent.deviation).sum(-1, keepdim=True)
    return (spread / (present.number + absent.number).sum(-1, keepdim=True)).clamp(min=_EPS)


def _log_normal(values: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    """Up to a constant: (species, n), (..., species), (..., species) -> (..., species, n)."""
    mean, variance = mean[..., None], variance[..., None]
    return -0.5 * ((values - mean) ** 2 / variance + variance.log())


def _resampled(num: int, resamples: int, generator: torch.Generator) -> Tensor:
    """(1 + resamples, num): how often each counts; once in the first row."""
    drawn = torch.randint(num, (resamples, num), generator=generator)
    ones = torch.ones(resamples, num, dtype=torch.float64)
    counts = torch.full_like(ones, _LEAST_COUNT).scatter_add_(1, drawn, ones)
    return torch.cat([torch.ones(1, num, dtype=torch.float64), counts])


def _bisected(climbs: Callable[[Tensor], Tensor], low: Tensor, high: Tensor) -> Tensor:
    """Where a condition that holds below and not above changes."""
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        up = climbs(middle)
        low, high = torch.where(up, middle, low), torch.where(up, high, middle)
    return (low + high) / 2
