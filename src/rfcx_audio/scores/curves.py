"""Non-decreasing curves from scores to probabilities: a sigmoid, or piecewise linear."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import isotonic_regression, minimize
from scipy.special import expit, logit

_EPS = 1e-7  # scores of 0 and 1 have no finite logit


class PlattCurve(NamedTuple):
    """sigmoid(slope * logit(score) + intercept).

    Attributes:
        slope: at least 0.
        intercept: a logit.
    """

    slope: float
    intercept: float

    def at(self, scores: np.ndarray) -> np.ndarray:
        """The calibrated scores."""
        return expit(self.slope * _logit(scores) + self.intercept)

    def mixed(self, pooled: PlattCurve, share: float) -> PlattCurve:
        """This curve with the weight `share` and another with the rest, in logits."""
        slope, intercept = share * np.array(self) + (1 - share) * np.array(pooled)
        return PlattCurve(float(slope), float(intercept))


class IsotonicCurve(NamedTuple):
    """Piecewise linear between knots, constant beyond the first and the last.

    Attributes:
        scores: of the knots, strictly increasing.
        probabilities: at the knots, non-decreasing.
    """

    scores: list[float]
    probabilities: list[float]

    def at(self, scores: np.ndarray) -> np.ndarray:
        """The calibrated scores."""
        return np.interp(scores, self.scores, self.probabilities)

    def mixed(self, pooled: IsotonicCurve, share: float) -> IsotonicCurve:
        """This curve with the weight `share` and another with the rest."""
        knots = np.union1d(self.scores, pooled.scores)
        values = share * self.at(knots) + (1 - share) * pooled.at(knots)
        return _isotonic_curve(knots, np.maximum.accumulate(values))


def smoothed_targets(present: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Platt's targets: (P + 1) / (P + 2) for present cells, 1 / (A + 2) for absent ones.

    Args:
        present: (cells,) bool.
        weight: (cells,); P and A are its sums over present and absent cells.

    Source: Platt (1999), Probabilistic outputs for support vector machines, section 2.2.
    """
    presences, absences = weight[present].sum(), weight[~present].sum()
    return np.where(present, (presences + 1) / (presences + 2), 1 / (absences + 2))


def platt_curve(scores: np.ndarray, present: np.ndarray, weight: np.ndarray) -> PlattCurve:
    """Logistic regression of smoothed targets on the logits of scores, with a slope of at least 0.

    Args:
        scores: (cells,) in [0, 1], clamped to [1e-7, 1 - 1e-7].
        present: (cells,) bool.
        weight: (cells,), not all 0.

    Source: Platt (1999), see `smoothed_targets`; Lin et al. (2007), doi:10.1007/s10994-007-5018-6.
        Theirs allows a negative slope, which would reverse a ranking.
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

    Its targets are smoothed, so no probability becomes 0 or 1.

    Args:
        scores: (cells,) in [0, 1].
        present: (cells,) bool.
        weight: (cells,), not all 0.

    Source: Zadrozny and Elkan (2002), doi:10.1145/775047.775151; smoothed targets and straight
        lines between the knots are ours and scikit-learn's.
    """
    known = weight > 0
    knots, place = np.unique(scores[known], return_inverse=True)
    total = np.bincount(place, weight[known])
    target = smoothed_targets(present, weight)[known]
    mean = np.bincount(place, weight[known] * target) / total
    return _isotonic_curve(knots, isotonic_regression(mean, weights=total).x)


def _logit(scores: np.ndarray) -> np.ndarray:
    return logit(np.clip(scores, _EPS, 1 - _EPS))


def _isotonic_curve(knots: np.ndarray, values: np.ndarray) -> IsotonicCurve:
    """The curve without the inner knots of its constant parts."""
    change = values[1:] != values[:-1]
    kept = np.append(True, change) | np.append(change, True)
    return IsotonicCurve(knots[kept].tolist(), values[kept].tolist())
