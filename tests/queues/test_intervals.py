import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import binomtest, chi2

from rfcx_audio.queues import Counts, Share, counts_behind, share_of


def counts(*rows: tuple[float, float, float, float]) -> Counts:
    """Population, judged, inside and found of each stratum."""
    return Counts(*np.array(rows, float).T)


@pytest.mark.parametrize(
    ("found", "judged"), [(0, 4), (1, 4), (4, 4), (7, 20), (30, 200), (199, 200)]
)
def test_one_stratum_of_a_large_population_is_wilsons(found: int, judged: int) -> None:
    share = share_of(counts((10**12, judged, judged, found)))
    wilson = binomtest(found, judged).proportion_ci(0.95, "wilson")
    assert share.share == found / judged
    np.testing.assert_allclose([share.low, share.high], wilson, atol=1e-8)


def test_the_counts_behind_an_interval_are_those_that_it_was_made_of() -> None:
    found, judged = np.array([0, 1, 4, 30, 200]), np.array([4, 4, 4, 200, 200])
    ends = [
        binomtest(*pair).proportion_ci(0.9, "wilson") for pair in zip(found, judged, strict=True)
    ]
    low, high = np.array(ends).T
    hits, trials = counts_behind(Share(found / judged, low, high), 0.9)
    np.testing.assert_allclose(hits, found, atol=1e-6)
    np.testing.assert_allclose(trials, judged, rtol=1e-6)
    nothing = counts_behind(Share(*(np.array([x]) for x in (np.nan, 0.0, 1.0))))
    np.testing.assert_allclose(nothing, 0, atol=1e-9)


def test_strata_count_for_more_than_a_plain_sample_of_as_many() -> None:
    share = share_of(counts((900, 30, 30, 0), (100, 30, 30, 29)))
    hits, trials = counts_behind(share)
    assert trials > 2 * 60
    assert share.low < hits / trials < share.high


def test_of_a_part_only_its_own_members_count() -> None:
    share = share_of(counts((10**12, 500, 20, 7)), level=0.9)
    wilson = binomtest(7, 20).proportion_ci(0.9, "wilson")
    np.testing.assert_allclose([share.low, share.high], wilson, atol=1e-8)


def test_the_ends_are_where_pearsons_statistic_reaches_its_limit() -> None:
    population, judged, found = (
        np.array(v, float) for v in ([900, 90, 10], [12, 15, 5], [1, 8, 5])
    )
    share = share_of(Counts(population, judged, judged, found))
    weight, finite = population / 1000, (population - judged) / (population - 1)

    def statistic(limit: float) -> float:
        """Of the most likely rates with this share, found by an optimiser."""
        effective = 1 / finite

        def loss(p: np.ndarray) -> float:
            return -(effective * (found * np.log(p) + (judged - found) * np.log(1 - p))).sum()

        bounds = [(1e-9, 1 - 1e-9)] * 3
        same = {"type": "eq", "fun": lambda p: weight @ p - limit}
        start = np.full(3, limit)
        p = minimize(loss, start, bounds=bounds, constraints=same, options={"ftol": 1e-13}).x
        variance = (weight**2 * finite * p * (1 - p) / (judged - 2 / 3)).sum()
        return (weight @ (found / judged) - limit) ** 2 / variance

    for end in (share.low, share.high):
        assert statistic(float(end)) == pytest.approx(chi2.ppf(0.95, 1), rel=1e-3)


def test_what_is_known_whole_has_no_interval() -> None:
    whole = share_of(counts((40, 40, 40, 13)))
    assert (whole.low, whole.share, whole.high) == pytest.approx((13 / 40,) * 3)
    part = share_of(counts((40, 40, 40, 13), (60, 20, 20, 5)))
    other = share_of(counts((60, 20, 20, 5)))
    np.testing.assert_allclose(part.low, (13 + 60 * other.low) / 100, atol=1e-6)


def test_a_stratum_without_a_verdict_may_hold_any_share() -> None:
    share = share_of(counts((300, 40, 40, 13), (100, 0, 0, 0)))
    known = share_of(counts((300, 40, 40, 13)))
    assert np.isnan(share.share)
    np.testing.assert_allclose(
        [share.low, share.high], [0.75 * known.low, 0.75 * known.high + 0.25]
    )
    nothing = share_of(counts((300, 0, 0, 0)))
    assert np.isnan(nothing.share)
    assert (nothing.low, nothing.high) == (0, 1)


def test_many_are_computed_at_once() -> None:
    rng = np.random.default_rng(0)
    judged = rng.integers(1, 30, (7, 3))
    many = Counts(np.full((7, 3), 500.0), judged, judged, rng.binomial(judged, 0.3))
    together = share_of(many)
    for n in range(7):
        alone = share_of(Counts(*(np.asarray(part)[n] for part in many[:4])))
        np.testing.assert_allclose([part[n] for part in together], alone, atol=1e-12)


def test_a_factor_weighs_strata() -> None:
    one = share_of(counts((10**9, 40, 40, 13), (10**9, 30, 30, 2)))
    other = share_of(
        counts((10**9, 40, 40, 13), (10**9, 30, 30, 2))._replace(factor=np.array([3.0, 1.0]))
    )
    assert one.share == pytest.approx((13 / 40 + 2 / 30) / 2)
    assert other.share == pytest.approx((3 * 13 / 40 + 2 / 30) / 4)
