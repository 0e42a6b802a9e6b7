"""Calibration of scores by species, and thresholds on them, from known labels only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
import torch
from scipy.optimize import isotonic_regression, minimize
from scipy.special import expit, logit
from torch import Tensor

from rfcx_audio.batch import Labels
from rfcx_audio.inference.table import species_columns

Method = Literal["platt", "isotonic"]

_EPS = 1e-7  # scores of 0 and 1 have no finite logit
_BLOCK = 50  # resamples at once, which bounds the memory


class PlattCurve(NamedTuple):
    """sigmoid(slope * logit(score) + intercept).

    Attributes:
        slope: at least 0.
        intercept: in nepers.
    """

    slope: float
    intercept: float

    def at(self, scores: np.ndarray) -> np.ndarray:
        """The calibrated scores."""
        return expit(self.slope * _logit(scores) + self.intercept)

    def mixed(self, pooled: PlattCurve, share: float) -> PlattCurve:
        """This curve with a share, and another with the rest, in logits."""
        slope, intercept = share * np.array(self) + (1 - share) * np.array(pooled)
        return PlattCurve(float(slope), float(intercept))


class IsotonicCurve(NamedTuple):
    """Straight lines between knots, and constants beyond the first and the last.

    Attributes:
        scores: of the knots, increasing.
        probabilities: at the knots, not decreasing.
    """

    scores: list[float]
    probabilities: list[float]

    def at(self, scores: np.ndarray) -> np.ndarray:
        """The calibrated scores."""
        return np.interp(scores, self.scores, self.probabilities)

    def mixed(self, pooled: IsotonicCurve, share: float) -> IsotonicCurve:
        """This curve with a share, and another with the rest."""
        knots = np.union1d(self.scores, pooled.scores)
        values = share * self.at(knots) + (1 - share) * pooled.at(knots)
        return _isotonic_curve(knots, np.maximum.accumulate(values))


def smoothed_targets(present: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """What a finite sample supports: (P + 1) / (P + 2) where present, 1 / (A + 2) where absent.

    Args:
        present: (cells,) bool.
        weight: (cells,); P and A are its sums over the present and over the absent cells.

    Source: Platt (1999), Probabilistic outputs for support vector machines, section 2.2.
    """
    presences, absences = weight[present].sum(), weight[~present].sum()
    return np.where(present, (presences + 1) / (presences + 2), 1 / (absences + 2))


def platt_curve(scores: np.ndarray, present: np.ndarray, weight: np.ndarray) -> PlattCurve:
    """The logistic regression of smoothed targets on the scores' logits, with a slope from 0 on.

    Args:
        scores: (cells,) in [0, 1]; those within 1e-7 of 0 or 1 count as that.
        present: (cells,) bool.
        weight: (cells,), not all 0.

    Source: Platt (1999), see `smoothed_targets`; Lin et al. (2007), doi:10.1007/s10994-007-5018-6.
        Theirs lets the slope become negative, which would reverse a ranking.
    """
    logits, target = _logit(scores), smoothed_targets(present, weight)
    share = weight / weight.sum()

    def cost(free: np.ndarray) -> tuple[float, np.ndarray]:
        z = free[0] * logits + free[1]
        error = share * (expit(z) - target)
        value = share @ (np.logaddexp(0, z) - target * z)
        return float(value), np.array([error @ logits, error.sum()])

    found = minimize(
        cost,
        np.array([1.0, 0.0]),
        jac=True,
        method="L-BFGS-B",
        bounds=[(0, None), (None, None)],
        options={"ftol": 1e-15, "gtol": 1e-9},
    )
    slope, intercept = found.x
    return PlattCurve(float(slope), float(intercept))


def isotonic_curve(scores: np.ndarray, present: np.ndarray, weight: np.ndarray) -> IsotonicCurve:
    """The non-decreasing function of the score with the least squared error.

    Its targets are smoothed, so that nothing becomes quite certain.

    Args:
        scores: (cells,) in [0, 1].
        present: (cells,) bool.
        weight: (cells,), not all 0.

    Source: Zadrozny and Elkan (2002), doi:10.1145/775047.775151; smoothed targets and straight
        lines between the knots are ours and scikit-learn's.
    """
    heard = weight > 0
    knots, place = np.unique(scores[heard], return_inverse=True)
    total = np.bincount(place, weight[heard])
    target = smoothed_targets(present, weight)[heard]
    mean = np.bincount(place, weight[heard] * target) / total
    return _isotonic_curve(knots, isotonic_regression(mean, weights=total).x)


class SpeciesFit(NamedTuple):
    """How the scores of one species are calibrated.

    Attributes:
        present: sum of `known` over its known presences.
        absent: over its known absences.
        own_share: in [0, 1), how much its own fit counts beside that of all species.
        prevalence: in (0, 1), the share of presences among the known cells, drawn towards that of
            all species: the q of `prior_correction`.
        curve: already mixed.
    """

    present: float
    absent: float
    own_share: float
    prevalence: float
    curve: PlattCurve | IsotonicCurve


class Calibration(NamedTuple):
    """Non-decreasing curves, one a species, from scores to probabilities.

    A probability is that of a window about which somebody says something; rows that were chosen by
    a detector make presences more, or less, frequent than they are outdoors.

    Attributes:
        method: of all curves.
        min_cells: see `fit_calibration`.
        species: in the order of the columns.
    """

    method: Method
    min_cells: int
    species: tuple[SpeciesFit, ...]

    def __call__(self, scores: Tensor) -> Tensor:
        """Calibrated scores.

        Args:
            scores: (rows, species) in [0, 1].

        Returns:
            As `scores`.

        Raises:
            ValueError: they have another number of species.
        """
        if scores.ndim != 2 or scores.shape[1] != len(self.species):
            raise ValueError(
                f"scores are {tuple(scores.shape)}, expected (rows, {len(self.species)}): the "
                "calibration is of other species"
            )
        columns = scores.double().cpu().numpy().T
        fits = zip(columns, self.species, strict=True)
        calibrated = np.stack([fit.curve.at(column) for column, fit in fits], axis=1)
        return torch.from_numpy(calibrated).to(scores)

    @property
    def prevalence(self) -> Tensor:
        """(species,) float64, see `SpeciesFit`."""
        return torch.tensor([fit.prevalence for fit in self.species], dtype=torch.float64)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        species = [{**fit._asdict(), "curve": fit.curve._asdict()} for fit in self.species]
        return {"method": self.method, "min_cells": self.min_cells, "species": species}

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> Calibration:
        """The inverse of `to_dict`.

        Raises:
            ValueError: it is no calibration, or one that does not increase.
        """
        try:
            kind = {"platt": PlattCurve, "isotonic": IsotonicCurve}[told["method"]]
            fits = [SpeciesFit(**{**fit, "curve": kind(**fit["curve"])}) for fit in told["species"]]
            made = cls(told["method"], int(told["min_cells"]), tuple(fits))
            faulty = [n for n, fit in enumerate(fits) if not _is_sound(fit)]
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"this describes no calibration: {error!r}") from None
        if faulty:
            raise ValueError(
                f"the calibration of species {faulty} is not one: its curve must not decrease, its "
                "knots must increase, its probabilities lie in [0, 1]; fit it anew"
            )
        return made


def fit_calibration(
    scores: Tensor, labels: Labels, method: Method = "platt", min_cells: int = 20
) -> Calibration:
    """Curves from scores to probabilities by the known cells, each weighted by `known`.

    A species with n of the rarer kind, presences or absences, takes its own fit with the share
    max(0, 1 - min_cells / n), and that of the known cells of all species with the rest.

    Args:
        scores: (rows, species) in [0, 1], of recordings that their model was not trained on.
        labels: (rows, species) twice; present from 0.5 on.
        method: `platt`, two numbers a species; or `isotonic`, any function that does not decrease,
            which needs some hundred cells of either kind.
        min_cells: at least 1; up to so many, a species has no say of its own.

    Raises:
        ValueError: no presence or no absence is known at all, or the arguments do not fit.
    """
    if method not in ("platt", "isotonic"):
        raise ValueError(f"method = {method!r} is unknown; choose platt or isotonic")
    if min_cells < 1:
        raise ValueError(f"min_cells = {min_cells}; expected at least 1")
    values, present, weight = _cells(scores, labels)
    fit = platt_curve if method == "platt" else isotonic_curve
    said = weight > 0
    if not present[said].any() or present[said].all():
        raise ValueError(
            f"{present[said].sum()} present and {(~present[said]).sum()} absent cells are known in "
            "the scored windows; a calibration needs both: check recording ids and truth"
        )
    pooled = fit(values[said], present[said], weight[said])
    frequency = float((weight * present).sum() / weight.sum())
    fits = []
    for s, heard in enumerate(said.T):
        presences = float(weight[present[:, s], s].sum())
        absences = float(weight[~present[:, s], s].sum())
        share = 1 - min_cells / max(min_cells, min(presences, absences))
        curve = pooled
        if share > 0:
            own = fit(values[heard, s], present[heard, s], weight[heard, s])
            curve = own.mixed(pooled, share)  # pyright: ignore[reportArgumentType]
        prevalence = (presences + min_cells * frequency) / (presences + absences + min_cells)
        fits.append(SpeciesFit(presences, absences, share, prevalence, curve))
    return Calibration(method, min_cells, tuple(fits))


def cross_fitted(
    scores: Tensor,
    labels: Labels,
    recordings: Sequence[str],
    generator: torch.Generator,
    method: Method = "platt",
    min_cells: int = 20,
    num_folds: int = 5,
) -> Tensor:
    """Calibrated scores, those of every recording by a calibration that has not seen it.

    Args:
        scores: see `fit_calibration`.
        labels: see `fit_calibration`.
        recordings: (rows,), of which recording each row is.
        generator: deals the recordings to the folds.
        method: see `fit_calibration`.
        min_cells: see `fit_calibration`.
        num_folds: at least 2.

    Returns:
        As `scores`.

    Raises:
        ValueError: there are fewer recordings than folds, or `fit_calibration` refuses a fold.
    """
    place, names = pd.factorize(np.asarray(recordings, dtype=object), sort=True)
    if not 2 <= num_folds <= len(names):
        raise ValueError(f"{len(names)} recordings do not make num_folds = {num_folds} folds")
    fold = (torch.randperm(len(names), generator=generator) % num_folds)[torch.from_numpy(place)]
    calibrated = torch.empty_like(scores)
    for held_out in range(num_folds):
        away, here = fold != held_out, fold == held_out
        seen = Labels(labels.target[away], labels.known[away])
        calibrated[here] = fit_calibration(scores[away], seen, method, min_cells)(scores[here])
    return calibrated


class Goal(NamedTuple):
    """What a threshold is chosen for.

    Attributes:
        kind: `precision`: the lowest threshold that has it, which finds most; `f_beta`: that with
            the highest F score, the highest of several.
        value: the precision, in (0, 1]; or beta, above 0: how much more recall counts.
    """

    kind: Literal["precision", "f_beta"]
    value: float


class Threshold(NamedTuple):
    """Where to call a species present, from this score on.

    Attributes:
        score: of the threshold; infinite where none reaches the goal.
        precision: in [0, 1], the share of presences from the threshold on; where none reaches the
            goal, the best there is.
        recall: in [0, 1], the share of the presences that are found.
    """

    score: np.ndarray
    precision: np.ndarray
    recall: np.ndarray


def best_threshold(
    scores: np.ndarray, present: np.ndarray, weight: np.ndarray, goal: Goal
) -> Threshold:
    """The score that reaches a goal.

    Args:
        scores: (cells,) of one species.
        present: (cells,) bool.
        weight: (..., cells), for one or several weightings; cells at 0 are not there.
        goal: to reach.

    Returns:
        (...,) three times.
    """
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    last = np.append(ranked[1:] != ranked[:-1], True)  # of each score; equal ones go together
    said = np.cumsum(weight[..., order], axis=-1)[..., last]  # (..., candidates)
    found = np.cumsum((weight * present)[..., order], axis=-1)[..., last]
    there = np.diff(said, axis=-1, prepend=0) > 0
    all_present = found[..., -1:]
    precision = np.divide(found, said, out=np.zeros_like(found), where=there)
    recall = np.divide(found, all_present, out=np.zeros_like(found), where=all_present > 0)
    if goal.kind == "precision":
        reached = there & (precision >= goal.value - 1e-12)
        place = reached.shape[-1] - 1 - reached[..., ::-1].argmax(-1)
    else:
        weighed = goal.value**2 * all_present + said
        f_beta = (1 + goal.value**2) * np.divide(
            found, weighed, out=np.zeros_like(found), where=there
        )
        reached = f_beta > 0
        place = f_beta.argmax(-1)
    any_reached = reached.any(-1)
    place = np.where(any_reached, place, precision.argmax(-1))[..., None]
    score, best, share = (
        np.take_along_axis(np.broadcast_to(values, said.shape), place, -1)[..., 0]
        for values in (ranked[last], precision, recall)
    )
    return Threshold(np.where(any_reached, score, np.inf), best, share)


def thresholds(
    scores: Tensor,
    labels: Labels,
    recordings: Sequence[str],
    goal: Goal,
    generator: torch.Generator,
    resamples: int = 1000,
) -> pd.DataFrame:
    """The score of each species that reaches a goal among its known cells, with 95 % limits.

    Limits are percentiles over resamples of the recordings, whose windows are not independent. A
    resample without a threshold that reaches the goal counts as one above all scores.

    Args:
        scores: (rows, species), of recordings that their model was not trained on.
        labels: (rows, species) twice; present from 0.5 on; `known` weights the cells.
        recordings: (rows,), of which recording each row is.
        goal: to reach; a precision is that among known cells.
        generator: draws the resamples.
        resamples: their number.

    Returns:
        A line for each species: `species`, `present`, `absent` (known cells), `threshold`, `low`,
        `high`, `precision`, `recall`, and `reason`, why a number is missing (NaN).

    Raises:
        ValueError: the goal cannot be one.
    """
    if not (0 < goal.value < np.inf) or (goal.kind == "precision" and goal.value > 1):
        raise ValueError(
            f"{goal.kind} = {goal.value} is no goal; expected precision in (0, 1], "
            "or f_beta above 0"
        )
    values, present, weight = _cells(scores, labels)
    place, names = pd.factorize(np.asarray(recordings, dtype=object), sort=True)
    drawn = torch.randint(len(names), (resamples, len(names)), generator=generator)
    times = torch.zeros(drawn.shape).scatter_add_(1, drawn, torch.ones(drawn.shape)).numpy()
    lines = []
    for s, name in enumerate(species_columns(values.shape[1])):
        told = weight[:, s] > 0
        column, here, known = values[told, s], present[told, s], weight[told, s]
        line: dict[str, Any] = {"species": name, "present": here.sum(), "absent": (~here).sum()}
        line |= dict.fromkeys(("threshold", "low", "high", "precision", "recall"), np.nan)
        lines.append(line | {"reason": ""})
        if not here.any() or here.all():
            lines[-1]["reason"] = f"no known {'absence' if here.any() else 'presence'}"
            continue
        best = best_threshold(column, here, known, goal)
        if np.isinf(best.score):
            lines[-1]["reason"] = (
                f"no threshold has this precision; the best is {best.precision:.2f}"
            )
            continue
        again = np.concatenate(
            [
                best_threshold(column, here, known * times[n : n + _BLOCK, place[told]], goal).score
                for n in range(0, resamples, _BLOCK)
            ]
        )
        numbers = zip(("threshold", "precision", "recall"), map(float, best), strict=True)
        lines[-1] |= {**dict(numbers), **_limits(again)}
    return pd.DataFrame(lines)


def _limits(scores: np.ndarray) -> dict[str, Any]:
    """The middle 95 % of thresholds, of which some may be infinite."""
    low, high = (
        np.quantile(scores, 0.025, method="lower"),
        np.quantile(scores, 0.975, method="higher"),
    )
    missed = f"{np.isinf(scores).mean():.0%} of the resamples cannot reach the goal"
    return {
        "low": low if np.isfinite(low) else np.nan,
        "high": high if np.isfinite(high) else np.nan,
        "reason": "" if np.isfinite(high) else missed,
    }


def _cells(scores: Tensor, labels: Labels) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(rows, species): scores in float64, what is present, and how surely that is known."""
    if not scores.shape == labels.target.shape == labels.known.shape or scores.ndim != 2:
        shapes = [tuple(part.shape) for part in (scores, *labels)]
        raise ValueError(f"scores, target and known are {shapes}; expected (rows, species) thrice")
    weight = labels.known.double().numpy()
    values = scores.double().numpy()
    if not ((values >= 0) & (values <= 1) | (weight == 0)).all():
        raise ValueError("a known cell has a score that is no probability; apply a sigmoid first")
    return values, (labels.target >= 0.5).numpy(), weight


def _logit(scores: np.ndarray) -> np.ndarray:
    return logit(np.clip(scores, _EPS, 1 - _EPS))


def _isotonic_curve(knots: np.ndarray, values: np.ndarray) -> IsotonicCurve:
    """The curve without the knots inside its level stretches."""
    change = values[1:] != values[:-1]
    kept = np.append(True, change) | np.append(change, True)
    return IsotonicCurve(knots[kept].tolist(), values[kept].tolist())


def _is_sound(fit: SpeciesFit) -> bool:
    numbers = np.array([fit.present, fit.absent, fit.own_share], dtype=float)
    curve = np.array(fit.curve, dtype=float)  # knots without partners raise ValueError
    if isinstance(fit.curve, PlattCurve):
        sound = curve[0] >= 0
    else:
        inside = curve.size > 0 and curve[1].min() >= 0 and curve[1].max() <= 1
        sound = inside and (np.diff(curve[0]) > 0).all() and (np.diff(curve[1]) >= 0).all()
    finite = np.isfinite(numbers).all() and np.isfinite(curve).all()
    return bool(sound and finite and 0 < fit.prevalence < 1)
