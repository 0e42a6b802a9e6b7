from pathlib import Path

import numpy as np
import pandas as pd

from queued import frame, new_store
from rfcx_audio.queues import Top, draw
from rfcx_audio.queues.earlier import earlier_answers, shared
from rfcx_audio.verdicts import ABSENT, PRESENT, UNSURE, Verdict


def test_the_same_stretch_and_half_of_the_time_are_known() -> None:
    candidates = frame(2)
    rows = [("night_0001", "owl", 6.0, 12.0, 5), ("night_0000", "owl", 1.6, 3.0, 6)]
    names = ["recording_id", "species", "t_min", "t_max", "clip"]
    found = shared(candidates.table, pd.DataFrame(rows, columns=pd.Index(names)))
    table = candidates.table.assign(clip=found.clip, near=found.overlaps)
    assert table.loc[table["clip"] >= 0, names].to_numpy().tolist() == [[*rows[0]]]
    near = table[table["near"]]
    assert set(near["species"]) == {"owl"}
    # Windows of 6 s at 3 s steps: two share half with another; a short row is in one whole.
    assert near["t_min"].to_list() == [0.0, 3.0, 6.0, 9.0]
    assert not found.rows(np.array([], int)).clip.size


def test_unsure_answers_are_passed_over_where_asked(tmp_path: Path) -> None:
    store, candidates = new_store(tmp_path), frame(6)
    draw(candidates, Top(number=3, species=["owl"]), store, {})
    store.record([Verdict(1, "ana", UNSURE, "a"), Verdict(2, "ana", PRESENT, "b")])
    store.record([Verdict(3, "ana", PRESENT, "c"), Verdict(3, "ben", ABSENT, "d")])
    found = earlier_answers(candidates, store)
    assert sorted(found.clip[found.clip >= 0]) == [1, 2, 3]
    found = earlier_answers(candidates, store, unsure=True)
    assert found.clip[found.clip >= 0].tolist() == [2]
