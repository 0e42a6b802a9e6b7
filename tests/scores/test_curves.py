from __future__ import annotations

import numpy as np
import pytest
from scipy.special import logit
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from rfcx_audio.scores import (
    isotonic_curve,
    platt_curve,
)
from rfcx_audio.scores.curves import smoothed_targets
from simulated import simulated


def one_species(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    scores, labels = simulated(rows, [0.6], [-0.5], seed)
    weight = np.random.default_rng(seed + 1).uniform(0.1, 1, rows)
    return scores[:, 0].numpy(), labels.target[:, 0].numpy() > 0, weight


def test_platt_is_the_logistic_regression_of_scikit_learn_on_much_data() -> None:
    scores, present, weight = one_species(40_000, 0)
    curve = platt_curve(scores, present, weight)
    oracle = LogisticRegression(C=np.inf, tol=1e-10)
    oracle.fit(logit(scores)[:, None], present, sample_weight=weight)
    assert curve.slope == pytest.approx(oracle.coef_.item(), abs=1e-3)
    assert curve.intercept == pytest.approx(oracle.intercept_.item(), abs=1e-3)


def test_platt_with_smoothed_targets_is_a_regression_with_both_outcomes() -> None:
    scores, present, weight = one_species(60, 1)
    target = smoothed_targets(present, weight)
    presences, absences = weight[present].sum(), weight[~present].sum()
    assert set(target) == {(presences + 1) / (presences + 2), 1 / (absences + 2)}
    oracle = LogisticRegression(C=np.inf, tol=1e-12, max_iter=1000)
    oracle.fit(
        np.tile(logit(scores), 2)[:, None],
        np.repeat([1, 0], len(scores)),
        sample_weight=np.concatenate([weight * target, weight * (1 - target)]),
    )
    expected = oracle.predict_proba(logit(scores)[:, None])[:, 1]
    np.testing.assert_allclose(platt_curve(scores, present, weight).at(scores), expected, atol=1e-5)


def test_isotonic_regression_is_that_of_scikit_learn() -> None:
    scores, present, weight = one_species(500, 2)
    scores = scores.round(2)  # many ties
    curve = isotonic_curve(scores, present, weight)
    target = smoothed_targets(present, weight)
    oracle = IsotonicRegression(out_of_bounds="clip").fit(scores, target, sample_weight=weight)
    anywhere = np.linspace(0, 1, 301)
    np.testing.assert_allclose(curve.at(anywhere), oracle.predict(anywhere), atol=1e-12)
    assert len(curve.scores) < 30


def test_isotonic_curves_are_mixed_exactly_between_all_knots() -> None:
    one = isotonic_curve(*one_species(80, 3))
    other = isotonic_curve(*one_species(90, 4))
    grid = np.linspace(0, 1, 2001)
    expected = 0.3 * one.at(grid) + 0.7 * other.at(grid)
    np.testing.assert_allclose(one.mixed(other, 0.3).at(grid), expected, atol=1e-12)
