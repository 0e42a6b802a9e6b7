from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from queued import answer, frame, new_store
from rfcx_audio.queues import Places, QueueError, Random, Strata, draw
from rfcx_audio.queues.chance import _STREAM, place_and_hour, shared_out
from rfcx_audio.queues.earlier import earlier_answers, nothing


def test_numbers_are_shared_out_evenly_as_far_as_they_go() -> None:
    assert shared_out(10, [100, 100, 100]) == [3, 3, 4]
    assert shared_out(10, [1, 100, 3]) == [1, 6, 3]
    assert shared_out(10, [2, 3]) == [2, 3]
    assert shared_out(2, [5, 5, 5]) == [0, 1, 1]
    assert shared_out(0, [5]) == [0]


@pytest.mark.parametrize("design", [Random(number=90), Strata(number=90), Places(number=90)])
def test_probabilities_are_those_of_the_strata(design: Random) -> None:
    candidates = frame(40, None)
    drawn = design.draw(candidates, nothing(candidates))
    assert drawn.clips["species"].value_counts().to_dict() == {"owl": 30, "wren": 30, "frog": 30}
    assert not drawn.clips[["recording_id", "t_min", "species"]].duplicated().any()
    assert drawn.strata.groupby("species")["population"].sum().eq(200).all()
    cells = drawn.clips.groupby(["species", "stratum"], observed=True)
    for (species, stratum), part in cells:
        mine = (drawn.strata["species"] == species) & (drawn.strata["stratum"] == stratum)
        (row,) = drawn.strata[mine].to_dict("records")
        assert len(part) == row["drawn"]
        assert set(part["probability"]) == {row["drawn"] / row["population"]}


def test_every_candidate_is_drawn_with_its_probability() -> None:
    candidates = frame(8, None).of_species(["owl"])
    times = pd.Series(0, candidates.table.index)
    stated = pd.Series(0.0, candidates.table.index)
    for seed in range(400):
        clips = Strata(number=9, bins=3, seed=seed).draw(candidates, nothing(candidates)).clips
        times[clips.index] += 1
        stated[clips.index] = clips["probability"]
    assert (stated > 0).all()
    # 40 shares of 400 draws: within four standard errors.
    assert (np.abs(times / 400 - stated) < 4 * np.sqrt(stated * (1 - stated) / 400)).all()


def test_strata_halve_with_the_score() -> None:
    candidates = frame(64, 0.0)
    drawn = Strata(number=120, bins=5).draw(candidates, nothing(candidates))
    owl = drawn.strata[drawn.strata["species"] == "owl"]
    assert owl["population"].to_list() == [320, 160, 80, 40, 40]
    assert owl["drawn"].to_list() == [8] * 5
    number = drawn.clips["stratum"].str.partition(":")[0].astype(int).rename("bin")
    ranges = drawn.clips.groupby(["species", number], observed=True)["score"].agg(["min", "max"])
    for _, part in ranges.groupby(level="species", observed=True):
        assert (part["max"].to_numpy()[:-1] < part["min"].to_numpy()[1:]).all()


def test_few_clips_have_few_strata() -> None:
    candidates = frame(10)
    drawn = Strata(number=15).draw(candidates, nothing(candidates))
    assert drawn.strata.groupby("species").size().eq(2).all()  # of five clips
    one = Strata(number=3).draw(candidates, nothing(candidates)).strata
    assert one.groupby("species").size().eq(1).all()


def test_every_begin_of_a_queue_has_all_strata_in_proportion() -> None:
    candidates = frame(64)
    clips = Strata(number=300, bins=4).draw(candidates, nothing(candidates)).clips
    cells = clips["species"].astype(str) + clips["stratum"]
    for length in (60, 150, 240):
        counts = cells[:length].value_counts()
        assert len(counts) == 12
        assert abs(counts - length / 12).max() <= 1


def test_places_take_the_finest_strata_with_enough_clips_each() -> None:
    candidates = frame(12, None)  # two sites, six hours, all before midnight
    names = Places().strata(candidates, 96)
    assert len(set(names)) == 12
    assert names[0] == "pond_0 2026-03-01 18"
    assert set(Places().strata(candidates, 20)) == {"pond_0", "pond_1"}
    assert set(Places().strata(candidates, 15)) == {"all"}
    site, date, hour = place_and_hour(candidates)
    assert (site[0], date[0], hour[0]) == ("pond_0", "2026-03-01", "18")
    bare = type(candidates)(candidates.table, candidates.species, "windows", {}, {})
    with pytest.raises(QueueError, match="needs the sites or start times"):
        Places().strata(bare, 9)


def test_what_was_answered_keeps_its_turn_and_is_not_offered(tmp_path: Path) -> None:
    store, candidates = new_store(tmp_path), frame(8, None).of_species(["owl"])
    draw(candidates, Random(number=20, species=["owl"]), store, {})
    answer(store, store.clips(1))
    design = Random(number=10, seed=1)
    drawn = design.draw(candidates, earlier_answers(candidates, store))
    again = drawn.settings["drawn_again"]["owl"]["all"]
    assert len(drawn.clips) == 10
    assert drawn.strata["drawn"].to_list() == [10 + len(again)]
    assert again
    taken = {turn for turn, *_ in again}
    scores = store.clips(1).set_index("clip")["score"]
    assert all(scores[clip] == score for _, clip, score in again)
    order = np.random.default_rng([_STREAM, 1]).permutation(len(candidates.table))
    offered = [n for n in range(10 + len(again)) if n not in taken]
    expected = candidates.table.iloc[order[offered]]
    pd.testing.assert_frame_equal(drawn.clips[list(expected)], expected)
    answer(store, store.clips(draw(candidates, Random(number=99), store, {})))
    with pytest.raises(QueueError, match="nothing is left"):
        design.draw(candidates, earlier_answers(candidates, store))


def test_the_seed_decides() -> None:
    candidates = frame(20)
    one, same, other = (
        Random(number=30, seed=seed).draw(candidates, nothing(candidates)).clips
        for seed in (4, 4, 5)
    )
    pd.testing.assert_frame_equal(one, same)
    assert one.index.to_list() != other.index.to_list()
