from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from queued import answer, frame, new_store
from rfcx_audio.queues import Random, Strata, draw, needed_verdicts, read_sample


def limits(value: float = np.nan) -> pd.DataFrame:
    return pd.DataFrame({"species": ["owl"], "threshold": [value]})


def test_as_many_more_verdicts_make_wilsons_interval_as_narrow(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    draw(frame(40_000, None), Random(number=60, species=["owl"]), store, {})
    answer(store, store.clips(1))
    table = needed_verdicts(read_sample(store), limits(), width=0.1)
    row = table[table["of"] == "density"].iloc[0]
    share = (store.clips(1)["score"] >= 0.3).mean()
    total = 60 + row["needed"]

    def width(number: float) -> float:
        low, high = binomtest(round(share * number), round(number)).proportion_ci(method="wilson")
        return high - low

    assert row["width"] == pytest.approx(width(60), abs=1e-3)
    assert width(total) == pytest.approx(0.1, abs=0.002)
    none = table[table["of"] == "precision"].iloc[0]
    assert none["reason"] == "there is no threshold for the wanted precision"


def test_precision_needs_clips_above_its_threshold(tmp_path: Path) -> None:
    store, candidates = new_store(tmp_path), frame(400, None)
    draw(candidates, Strata(number=100, species=["owl"]), store, {})
    answer(store, store.clips(1))
    table = needed_verdicts(read_sample(store), limits(0.2), width=0.15)
    row = table[table["of"] == "precision"].iloc[0]
    assert row["width"] > 0.15
    assert row["needed"] > 0
    # Judged so many more, by the same design, the interval is about as narrow.
    draw(candidates, Strata(number=int(row["needed"]), species=["owl"], seed=1), store, {})
    answer(store, store.clips(2))
    again = needed_verdicts(read_sample(store), limits(0.2), width=0.15)
    assert again[again["of"] == "precision"]["width"].iloc[0] == pytest.approx(0.15, abs=0.04)


def test_no_more_are_needed_than_there_are(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    draw(frame(4, None), Random(number=12, species=["owl"]), store, {})
    clips = store.clips(1)
    answer(store, clips)
    row = needed_verdicts(read_sample(store), limits(), width=1e-6).iloc[0]
    assert 7 <= row["needed"] <= 8
    wide = needed_verdicts(read_sample(store), limits(), width=0.9).iloc[0]
    assert (wide["needed"], wide["judged"]) == (0, 12)


def test_a_stratum_without_a_verdict_comes_first(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    draw(frame(40, None), Strata(number=30, species=["owl"]), store, {})
    answer(store, store.clips(1)[:2])
    row = needed_verdicts(read_sample(store), limits(), width=0.1).iloc[0]
    assert np.isnan(row["needed"])
    assert row["reason"] == "a stratum has no verdict yet"
