from pathlib import Path

import numpy as np
import pytest

from queued import answer, frame, new_store
from rfcx_audio.queues import ALL, Counts, Random, Strata, Top, density, draw, read_sample, share_of
from rfcx_audio.queues.estimates import combined
from rfcx_audio.verdicts import UNSURE, Verdict


def test_density_is_weighted_by_the_strata(tmp_path: Path) -> None:
    store, candidates = new_store(tmp_path), frame(40, None)
    draw(candidates, Strata(number=120, bins=3), store, {})
    answer(store, store.clips(1)[:90])
    store.record([Verdict(91, "ana", UNSURE, "u")])
    table = density(read_sample(store))
    whole = table[table["stratum"] == ALL].set_index("species")
    assert whole["judged"].sum() == 90
    assert whole["unsure"].sum() == 1
    assert (whole["population"] == 200).all()
    for name, part in table[table["stratum"] != ALL].groupby("species"):
        found = (part["population"] * part["present"] / part["judged"]).sum() / 200
        assert whole.loc[name, "share"] == pytest.approx(found)
        assert whole.loc[name, "low"] < found < whole.loc[name, "high"]
        assert part["population"].to_list() == [100, 50, 50]
        assert whole.loc[name, "judged"] == part["judged"].sum()


def test_a_queue_without_chance_is_a_census_of_its_own(tmp_path: Path) -> None:
    store, candidates = new_store(tmp_path), frame(40, None)
    draw(candidates, Random(number=60), store, {})
    answer(store, store.clips(1))
    before = density(read_sample(store))
    draw(candidates, Top(number=30, species=["owl"]), store, {})
    answer(store, store.clips(2)[:20], limit=0.9)
    table = density(read_sample(store))
    own = table[table["designs"] == "top"]
    assert own[["species", "population", "judged"]].to_numpy().tolist() == [["owl", 30, 20]]
    assert own["share"].to_list() == [own["present"].sum() / 20]
    assert own[["low", "high"]].isna().all(axis=None)
    both = ["species", "share", "low", "high"]
    assert table.loc[table["designs"] != "top", both].equals(before[both])


def test_queues_of_one_population_are_combined_and_of_two_are_not(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    for n, candidates in enumerate((frame(40, None), frame(40, None), frame(41, None))):
        draw(candidates, Random(number=30, seed=n, species=["owl"]), store, {})
        answer(store, store.clips(n + 1))
    table = density(read_sample(store))
    whole = table[table["stratum"] == ALL]
    assert whole["queues"].to_list() == ["1 2", "3"]
    assert whole["population"].to_list() == [200, 205]
    one, two = (table[(table["queues"] == q) & (table["stratum"] == "all")].iloc[0] for q in "12")
    assert whole["judged"].iloc[0] == one["judged"] + two["judged"]
    assert (
        min(one["share"], two["share"]) <= whole["share"].iloc[0] <= max(one["share"], two["share"])
    )
    assert whole["high"].iloc[0] - whole["low"].iloc[0] < min(
        one["high"] - one["low"], two["high"] - two["low"]
    )


def test_equal_queues_count_alike_and_unfinished_ones_wait() -> None:
    one = Counts(*np.array([[500.0, 500], [20, 20], [20, 20], [4, 10]]))
    twice = share_of(combined([one, one]))
    assert twice.share == pytest.approx(float(share_of(one).share))
    unfinished = Counts(*np.array([[500.0, 500], [20, 0], [20, 0], [4, 0]]))
    both = share_of(combined([unfinished, one]))
    np.testing.assert_allclose(both, share_of(one), atol=1e-9)
    alone = share_of(combined([unfinished, unfinished]))
    assert np.isnan(alone.share)
    assert 0 <= alone.low < alone.high <= 1
