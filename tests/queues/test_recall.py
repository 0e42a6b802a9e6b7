from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import chi2

from rfcx_audio.queues import Counts, recall_of


def counts(*rows: tuple[float, float, float, float]) -> Counts:
    """Population, judged, inside and found of each stratum."""
    return Counts(*np.array(rows, float).T)


def test_the_ends_are_where_pearsons_statistic_reaches_its_limit() -> None:
    """The strata lie below and above the threshold, with the likeliest rates by an optimiser."""
    population, judged, found = (
        np.array(v, float) for v in ([9e8, 9e7, 1e7], [40, 30, 20], [2, 9, 17])
    )
    inside = np.array([0, 0, 20.0])
    is_inside = inside > 0
    share = recall_of(Counts(population, judged, inside, found * is_inside), found * ~is_inside)
    weight = population / 1e9
    plain = weight * found / judged
    assert share.share == pytest.approx(plain[2] / plain.sum())

    def statistic(recall: float) -> float:
        value = weight * (is_inside - recall)

        def loss(p: np.ndarray) -> float:
            return -(found * np.log(p) + (judged - found) * np.log(1 - p)).sum()

        same = {"type": "eq", "fun": lambda p: 100 * (value @ p)}
        bounds = [(1e-9, 1 - 1e-9)] * 3
        start = found / judged
        p = minimize(loss, start, bounds=bounds, constraints=same, options={"ftol": 1e-14}).x
        variance = (value**2 * p * (1 - p) / (judged - 2 / 3)).sum()
        return (value @ (found / judged)) ** 2 / variance

    for end in (share.low, share.high):
        assert statistic(float(end)) == pytest.approx(chi2.ppf(0.95, 1), rel=3e-3)


def test_what_is_known_whole_has_no_interval() -> None:
    share = recall_of(counts((40, 40, 10, 6), (60, 60, 0, 0)), np.array([2, 4]))
    assert share.share == 0.5
    np.testing.assert_allclose([share.low, share.high], 0.5, atol=1e-6)


def test_nothing_found_or_judged_is_unknown() -> None:
    for strata, below in (
        (counts((900, 20, 10, 0)), [0]),
        (counts((900, 20, 10, 3), (100, 0, 0, 0)), [2, 0]),
    ):
        share = recall_of(strata, np.array(below))
        assert np.isnan(share.share)
        assert (share.low, share.high) == (0, 1)


def test_all_or_nothing_inside_has_one_open_end() -> None:
    whole = recall_of(counts((900, 30, 10, 7)), np.array([0]))
    none = recall_of(counts((900, 30, 10, 0)), np.array([5]))
    assert (whole.share, whole.high, none.share, none.low) == (1, 1, 0, 0)
    assert 0.4 < whole.low < 1
    assert 0 < none.high < 0.6
