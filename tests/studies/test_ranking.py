from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kendalltau, spearmanr

from studies.ranking import (
    agreement,
    epoch_regrets,
    expected_regret,
    pairs_in_order,
    rank_correlation,
    rank_correlations,
)


def test_the_rank_correlation_is_that_of_scipy_with_ties() -> None:
    generator = np.random.default_rng(0)
    one, other = generator.integers(6, size=(2, 40, 9))
    expected = [spearmanr(a, b).statistic for a, b in zip(one, other, strict=True)]
    np.testing.assert_allclose(rank_correlation(one, other), expected, atol=1e-12)


def test_a_constant_has_no_rank_correlation() -> None:
    assert np.isnan(rank_correlation(np.ones(4), np.arange(4)))


def table(number: int = 30) -> pd.DataFrame:
    generator = np.random.default_rng(1)
    truth = generator.random(number)
    return pd.DataFrame(
        {
            "same": truth**3,
            "near": truth + 0.2 * generator.standard_normal(number),
            "noise": generator.standard_normal(number),
            "against": -truth,
            "truth": truth,
        }
    )


def test_the_ends_of_the_scale_have_no_width_and_noise_reaches_over_zero() -> None:
    found = rank_correlations(table(), ["near", "same", "against", "noise"], "truth", 200, 0)
    assert found.loc["same", ["rho", "low", "high"]].to_list() == pytest.approx([1, 1, 1])
    assert found.loc["against", ["rho", "low", "high"]].to_list() == pytest.approx([-1, -1, -1])
    assert found.loc["noise", "low"] < 0 < found.loc["noise", "high"]
    assert 0 < found.loc["near", "low"] < found.loc["near", "rho"] < found.loc["near", "high"] < 1


def test_leads_are_relative_to_the_first_measure() -> None:
    found = rank_correlations(table(), ["near", "same", "noise"], "truth", 200, 0)
    assert found.loc["near", ["lead_low", "lead_high"]].to_list() == [0, 0]
    assert found.loc["same", "lead_low"] > 0
    assert found.loc["noise", "lead_high"] < 0


def test_missing_values_are_excluded_from_a_measure() -> None:
    partial = table()
    partial.loc[5:, "near"] = np.nan
    found = rank_correlations(partial, ["same", "near"], "truth", 50, 0)
    expected = spearmanr(partial["near"][:5], partial["truth"][:5]).statistic
    assert found.loc["near", "rho"] == pytest.approx(expected)
    assert found["number"].to_list() == [30, 5]


def test_the_share_of_pairs_in_order_is_kendalls_within_one_group() -> None:
    runs = table().assign(entry="one")
    share, number = pairs_in_order(runs, "entry", "near", "truth")
    tau = kendalltau(runs["near"], runs["truth"]).statistic
    assert (share, number) == (pytest.approx((tau + 1) / 2), 30 * 29 // 2)


def test_pairs_of_different_groups_do_not_count() -> None:
    runs = pd.DataFrame(
        {"entry": list("aabb"), "measure": [1, 2, 20, 10], "truth": [0.1, 0.2, 0.3, 0.4]}
    )
    assert pairs_in_order(runs, "entry", "measure", "truth") == (0.5, 2)


def test_the_regret_is_the_mean_over_all_subsets() -> None:
    generator = np.random.default_rng(2)
    measure, truth = generator.random((2, 6))
    costs = []
    for subset in map(list, combinations(range(6), 3)):
        chosen = subset[int(measure[subset].argmax())]
        costs.append(truth[subset].max() - truth[chosen])
    assert expected_regret(measure, truth, 3, 20_000, 0) == pytest.approx(np.mean(costs), abs=0.01)
    assert expected_regret(truth, truth, 3, 100, 0) == 0


def test_the_regret_of_epochs_is_of_the_kept_one() -> None:
    runs = pd.DataFrame(
        {
            "run": ["a"] * 3 + ["b"] * 2,
            "measure": [0.5, 0.9, 0.9, 0.1, 0.2],
            "truth": [0.4, 0.6, 0.7, 0.8, 0.9],
        }
    )
    found = epoch_regrets(runs, "run", "measure", "truth")
    assert found.to_dict() == pytest.approx({"a": 0.1, "b": 0.0})


def test_agreement_does_not_depend_on_scale_or_species_level() -> None:
    scores = np.random.default_rng(3).random((20, 4))
    assert agreement(scores, scores**3 * np.array([1, 2, 3, 4])) == pytest.approx(1)
    assert agreement(scores, -scores) == pytest.approx(-1)
    assert agreement(scores, np.ones_like(scores)) == 0
