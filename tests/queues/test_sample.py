import json
from pathlib import Path

import numpy as np
import pandas as pd

from queued import answer, frame, new_store
from rfcx_audio.queues import Random, Top, draw, read_sample
from rfcx_audio.queues.sample import status_of
from rfcx_audio.verdicts import ABSENT, OTHER, PRESENT, SKIPPED, UNSURE, Verdict


def test_every_clip_has_what_became_of_it(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    draw(frame(6), Top(number=9), store, {"fingerprint": "abc", "calibrated": True})
    given = [PRESENT, ABSENT, UNSURE, SKIPPED]
    store.record(Verdict(n + 1, "ana", one, f"{n}") for n, one in enumerate(given))
    store.record([Verdict(5, "ana", OTHER, "x", "gull"), Verdict(3, "ben", PRESENT, "y")])
    store.record([Verdict(1, "ben", ABSENT, "z")])
    assert status_of(store.answers()).to_dict() == {
        1: "disputed",
        2: ABSENT,
        3: PRESENT,
        4: SKIPPED,
        5: ABSENT,
    }
    sample = read_sample(store)
    assert sample.clips["status"].to_list() == [
        "disputed",
        ABSENT,
        PRESENT,
        SKIPPED,
        ABSENT,
        *["waiting"] * 4,
    ]
    (queue,) = sample.queues.to_dict("records")
    assert (queue["design"], queue["by_chance"], queue["source"], queue["calibrated"]) == (
        "top",
        False,
        "abc",
        True,
    )
    assert sample.strata.empty


def test_an_empty_store_is_an_empty_sample(tmp_path: Path) -> None:
    assert [len(part) for part in read_sample(new_store(tmp_path))] == [0, 0, 0]


def test_clips_that_were_drawn_again_count_when_their_turn_has_come(tmp_path: Path) -> None:
    store, candidates = new_store(tmp_path), frame(12, None).of_species(["owl"])
    draw(candidates, Random(number=30), store, {})
    answer(store, store.clips(1))
    draw(candidates, Random(number=20, seed=1), store, {})
    again = json.loads(store.queues()["settings"][1])["drawn_again"]["owl"]["all"]
    turns = np.array([turn for turn, *_ in again])
    assert len(turns) > 3
    own = [turn for turn in range(20 + len(turns)) if turn not in turns]

    def counted() -> pd.Series:
        sample = read_sample(store)
        mine = sample.clips[sample.clips["queue"] == 2]
        return mine["status"].value_counts()

    assert counted().get("waiting") == 20
    assert len(turns[turns < own[0]]) == counted().drop("waiting").sum()
    for done in (5, 12, 20):
        clips = store.clips(2)
        answer(store, clips[:done])
        reached = own[done] if done < 20 else 99
        assert counted().drop("waiting", errors="ignore").sum() == done + (turns < reached).sum()
