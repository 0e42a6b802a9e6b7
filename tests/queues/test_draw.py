import json
from pathlib import Path

import pandas as pd

from queued import answer, frame, new_store
from rfcx_audio.queues import Random, Strata, Top, draw


def test_a_queue_is_written_with_all_that_a_reader_needs(tmp_path: Path) -> None:
    store, candidates = new_store(tmp_path), frame(12, None)
    number = draw(candidates, Strata(number=30, seed=5), store, {"model": "abc"})
    (queue,) = store.queues().to_dict("records")
    settings = json.loads(queue["settings"])
    assert (number, queue["design"], queue["seed"]) == (1, "strata", 5)
    assert settings["options"]["number"] == 30
    assert settings["model"] == "abc"
    assert settings["kind"] == "windows"
    assert settings["frame"] == candidates.fingerprint
    clips = store.clips(1)
    assert len(clips) == 30
    assert set(clips["site"]) == {"pond_0", "pond_1"}
    first = clips.iloc[0]
    begin = pd.Timestamp(candidates.infos[first["recording_id"]].start)
    assert pd.Timestamp(first["clock"]) == begin + pd.Timedelta(seconds=first["t_min"])


def test_verdicts_and_labels_are_not_offered_again(tmp_path: Path) -> None:
    store, candidates = new_store(tmp_path), frame(12)
    draw(candidates, Top(number=9), store, {})
    answer(store, store.clips(1))
    labels = candidates.table.nlargest(20, "score")[["recording_id", "species", "t_min", "t_max"]]
    labels = labels.astype({"recording_id": str, "species": str})
    draw(candidates, Top(number=30), store, {}, labels)
    both = ["recording_id", "species", "t_min"]
    new = store.clips(2)[both]
    for known in (store.clips(1)[both], labels[both]):
        assert new.merge(known, on=both).empty


def test_labels_do_not_belong_to_what_is_drawn_from(tmp_path: Path) -> None:
    store, candidates = new_store(tmp_path), frame(12, None)
    labels = candidates.table[candidates.table["species"] == "owl"].head(7)
    draw(candidates, Random(number=9), store, {}, labels)
    population = store.strata().set_index("species")["population"].to_dict()
    assert population == {"frog": 60, "owl": 53, "wren": 60}
    assert json.loads(store.queues()["settings"][0])["frame"].endswith("without 7 labelled")
