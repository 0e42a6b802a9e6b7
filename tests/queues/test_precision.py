from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from queued import answer, frame, new_store
from rfcx_audio.queues import (
    Random,
    Sample,
    Strata,
    comparable,
    draw,
    frame_of_detections,
    precision_at,
    precision_table,
    read_sample,
    threshold_table,
)


def reviewed(folder: Path, design: Random, recordings: int = 400) -> Sample:
    """A reviewer for whom a species is there from a score of 0.3 on."""
    store = new_store(folder)
    draw(frame(recordings, None), design, store, {"fingerprint": "a"})
    answer(store, store.clips(1))
    return read_sample(store)


def test_of_one_stratum_precision_is_a_binomial_share(tmp_path: Path) -> None:
    sample = reviewed(tmp_path, Random(number=150, species=["owl"]), recordings=20_000)
    precision, recall, counts = precision_at(sample, "owl", np.array([0.1, 0.5]))
    scores = sample.clips["score"].to_numpy()
    for n, limit in enumerate((0.1, 0.5)):
        judged, found = int((scores >= limit).sum()), int((scores >= max(limit, 0.3)).sum())
        assert (counts.inside[n].sum(), counts.found[n].sum()) == (judged, found)
        wilson = binomtest(found, judged).proportion_ci(method="wilson")
        got = [precision.share[n], precision.low[n], precision.high[n]]
        np.testing.assert_allclose(got, [found / judged, *wilson], atol=1e-3)
    calls = int((scores >= 0.3).sum())
    np.testing.assert_allclose(recall.share, [1, (scores >= 0.5).sum() / calls])
    assert (recall.low < recall.share).all()


def test_strata_are_weighted(tmp_path: Path) -> None:
    sample = reviewed(tmp_path, Strata(number=240, species=["owl"], bins=4))
    table = precision_table(sample)
    assert table["threshold"].is_monotonic_increasing
    lowest = table.iloc[0]
    owl = frame(400, None).table.query("species == 'owl'")["score"]
    assert lowest["precision_low"] < (owl >= 0.3).mean() < lowest["precision_high"]
    # Not weighted, more than the half of the judged clips are present.
    assert lowest["present"] / lowest["judged"] > 0.5 > lowest["precision_high"]
    for limit in (0.15, 0.25):
        row = table[table["threshold"] >= limit].iloc[0]
        true = (owl >= 0.3).sum() / (owl >= row["threshold"]).sum()
        assert row["precision_low"] < true < row["precision_high"]
    np.testing.assert_allclose(table.loc[table["threshold"] >= 0.3, "precision"], 1)


def test_the_threshold_is_the_lowest_that_reaches_the_precision(tmp_path: Path) -> None:
    sample = reviewed(tmp_path, Strata(number=300))
    table = precision_table(sample)
    found = threshold_table(table, 0.8, comparable(sample))
    for row in found.to_dict("records"):
        own = table[table["species"] == row["species"]]
        assert row["threshold"] == own.loc[own["precision"] >= 0.8, "threshold"].min()
        assert row["sure_threshold"] == own.loc[own["precision_low"] >= 0.8, "threshold"].min()
        assert row["threshold"] < row["sure_threshold"] < 0.4
        assert row["present"] + row["absent"] == 100
    assert (found["reason"] == "").all()
    assert "calibrated" in threshold_table(table, 0.8, comparable(sample), calibrated=True)


def test_what_has_no_threshold_has_a_reason(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    draw(frame(100, None), Strata(number=90), store, {})
    clips = store.clips(1)
    answer(store, clips[clips["species"] == "owl"], limit=2.0)
    first = clips[clips["stratum"].str.startswith("1:") & (clips["species"] == "wren")]
    answer(store, first)
    sample = read_sample(store)
    found = threshold_table(precision_table(sample), 0.9, comparable(sample)).set_index("species")
    assert found["threshold"].isna().all()
    assert found.loc["owl", "reason"] == "no threshold has this precision; the best is 0.00"
    assert found.loc["wren", "reason"] == "a stratum of it has no verdict yet"
    assert found.loc["frog", "reason"] == "no clip of it is judged yet"


def test_only_queues_of_the_same_scores_give_thresholds(tmp_path: Path) -> None:
    store, candidates = new_store(tmp_path), frame(40, None)
    for n, model in enumerate("aba"):
        draw(candidates, Random(number=30, seed=n), store, {"fingerprint": model})
    assert set(comparable(read_sample(store))["queue"]) == {1, 3}
    draw(candidates, Random(number=10, species=["owl"]), store, {"fingerprint": "b"})
    last = comparable(read_sample(store)).groupby("species")["queue"].agg(list).to_dict()
    assert last == {"owl": [2, 4], "wren": [1, 3], "frog": [1, 3]}


def test_of_detections_there_is_no_recall(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"recording_id": "dawn", "species": "owl", "t_min": 3.0 * np.arange(300)})
    table = table.assign(t_max=table["t_min"] + 1, score=rng.random(300))
    store = new_store(tmp_path)
    draw(frame_of_detections(table, {}), Random(number=50), store, {})
    answer(store, store.clips(1))
    found = precision_table(read_sample(store))
    assert len(found) == 50
    assert found["recall"].isna().all()
    assert found["precision"].iloc[0] == pytest.approx(0.7, abs=0.2)
