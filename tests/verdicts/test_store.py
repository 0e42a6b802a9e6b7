import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from reviews import clips, filled, strata
from rfcx_audio.verdicts import (
    ABSENT,
    CLIP_COLUMNS,
    OTHER,
    PRESENT,
    SKIPPED,
    UNSURE,
    Verdict,
    VerdictError,
    VerdictStore,
)


def test_a_queue_comes_back_as_it_was_written(tmp_path: Path) -> None:
    store = filled(tmp_path)
    pd.testing.assert_frame_equal(
        store.clips(1)[list(CLIP_COLUMNS)],
        clips().astype(dict.fromkeys(("f_min", "f_max"), float)),
        check_dtype=False,
    )
    (queue,) = store.queues().to_dict("records")
    assert (queue["design"], queue["seed"]) == ("random", 7)
    assert json.loads(queue["settings"]) == {"model": "abc"}
    assert store.strata()[["population", "drawn"]].to_numpy().tolist() == [[8, 4]]
    again = VerdictStore.open(store.path)
    assert again.add_queue("top", clips(2), strata()[:0], 0, {}) == 2
    assert again.clips()["queue"].to_list() == [1] * 4 + [2] * 2


def test_the_last_verdict_of_each_reviewer_counts(tmp_path: Path) -> None:
    store = filled(tmp_path)
    store.record([Verdict(1, "ana", PRESENT, "a"), Verdict(2, "ana", UNSURE, "b")])
    store.record([Verdict(1, "ben", ABSENT, "c"), Verdict(1, "ana", ABSENT, "d")])
    found = store.answers()[["clip", "reviewer", "answer"]].to_numpy().tolist()
    assert found == [[2, "ana", UNSURE], [1, "ben", ABSENT], [1, "ana", ABSENT]]
    assert len(store.verdicts()) == 4


def test_requests_are_withdrawn_once_however_often_it_is_asked(tmp_path: Path) -> None:
    store = filled(tmp_path)
    store.record([Verdict(1, "ana", PRESENT, "a"), Verdict(2, "ana", ABSENT, "b")])
    store.record([Verdict(3, "ana", ABSENT, "c"), Verdict(1, "ben", ABSENT, "d")])
    assert store.withdraw("ana", ["a", "b"]) == [1, 2]
    when = store.verdicts()["undone"].to_list()
    assert store.withdraw("ana", ["a", "b", "unknown", "d"]) == [1, 2]
    assert store.verdicts()["undone"].to_list() == when
    assert store.answers()["request"].to_list() == ["c", "d"]


def test_the_standing_verdicts_are_those_of_a_queue_that_are_not_undone(tmp_path: Path) -> None:
    store = filled(tmp_path)
    store.add_queue("top", clips(2), strata()[:0], 0, {})
    store.record([Verdict(1, "ana", SKIPPED, "a"), Verdict(5, "ana", PRESENT, "b")])
    store.record([Verdict(1, "ana", PRESENT, "c"), Verdict(2, "ben", ABSENT, "d")])
    store.withdraw("ben", ["d"])
    assert [tuple(one) for one in store.standing(1)] == [
        (1, "ana", SKIPPED, "a"),
        (1, "ana", PRESENT, "c"),
    ]
    assert [one.clip for one in store.standing(2)] == [5]


def test_what_is_withdrawn_brings_back_what_was_before(tmp_path: Path) -> None:
    store = filled(tmp_path)
    store.record([Verdict(1, "ana", PRESENT, "a"), Verdict(1, "ana", ABSENT, "b")])
    store.record([Verdict(2, "ben", PRESENT, "c")])
    assert store.withdraw("ana", ["b", "c"]) == [1]
    assert store.answers()["answer"].to_list() == [PRESENT, PRESENT]
    assert store.verdicts()["undone"].notna().to_list() == [False, True, False]


def test_a_verdict_that_is_sent_twice_counts_once(tmp_path: Path) -> None:
    store = filled(tmp_path)
    one = Verdict(3, "ana", PRESENT, "same")
    assert store.record([one]) == store.record([one]) == [1]
    assert len(store.verdicts()) == 1
    with pytest.raises(VerdictError, match="another verdict's"):
        store.record([one._replace(answer=ABSENT)])


def test_boxes_other_species_and_notes_are_kept(tmp_path: Path) -> None:
    store = filled(tmp_path)
    box = (1.25, 2.5, 300.0, None)
    with pytest.raises(VerdictError, match="a box has 4 numbers"):
        store.record([Verdict(1, "ana", PRESENT, "a", box=box)])
    store.record([Verdict(1, "ana", OTHER, "a", "wren", (1.25, 2.5, 300.0, 900.0), "two of them")])
    (row,) = store.answers().to_dict("records")
    assert [row[name] for name in ("t_min", "t_max", "f_min", "f_max")] == [1.25, 2.5, 300.0, 900.0]
    assert (row["other_species"], row["note"], row["clip_t_min"]) == ("wren", "two of them", 0.0)


@pytest.mark.parametrize(
    ("verdict", "message"),
    [
        (Verdict(9, "ana", PRESENT, "a"), "there is no clip 9"),
        (Verdict(1, "ana", "perhaps", "a"), "answer = 'perhaps'; expected present, absent"),
        (Verdict(1, " ", PRESENT, "a"), "name of its reviewer"),
        (Verdict(1, "ana", PRESENT, ""), "needs a request"),
        (Verdict(1, "ana", OTHER, "a"), "goes with the answer 'other'"),
        (Verdict(1, "ana", ABSENT, "a", "wren"), "goes with the answer 'other'"),
        (Verdict(1, "ana", PRESENT, "a", box=(3.0, 2.0, None, None)), "end above its beginning"),
        (Verdict(1, "ana", PRESENT, "a", box=(0.0, 2.0, 9.0, 1.0)), "end above its beginning"),
    ],
)
def test_what_breaks_a_rule_is_refused_with_all_of_its_transaction(
    tmp_path: Path, verdict: Verdict, message: str
) -> None:
    store = filled(tmp_path)
    with pytest.raises(VerdictError, match=message):
        store.record([Verdict(2, "ana", SKIPPED, "first"), verdict])
    assert store.verdicts().empty


def test_queues_without_clips_are_refused(tmp_path: Path) -> None:
    store = filled(tmp_path)
    with pytest.raises(VerdictError, match="no clip"):
        store.add_queue("random", clips(0), strata(), 0, {})
    with pytest.raises(VerdictError, match="does not end after it begins"):
        store.add_queue("random", clips(2).assign(t_max=0.0), strata(), 0, {})
    assert len(store.queues()) == 1


def test_what_is_no_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VerdictError, match="does not exist"):
        VerdictStore.open(tmp_path / "none.sqlite")
    text = tmp_path / "text.sqlite"
    text.write_text("no database")
    with pytest.raises(VerdictError, match="no store of verdicts"):
        VerdictStore.open(text, create=True)


def writes(store: VerdictStore, reviewer: str, number: int) -> list[str]:
    """A command that writes so many verdicts of a reviewer, a line each."""
    script = f"""
from rfcx_audio.verdicts import Verdict, VerdictStore
store = VerdictStore.open({str(store.path)!r})
for n in range({number}):
    store.record([Verdict(1, {reviewer!r}, "present", f"{reviewer}-{{n}}")])
    print(n, flush=True)
"""
    return [sys.executable, "-c", script]


def test_two_processes_write_at_once(tmp_path: Path) -> None:
    store = filled(tmp_path)
    names = ("ana", "ben")
    both = [subprocess.Popen(writes(store, name, 25), stdout=subprocess.DEVNULL) for name in names]
    assert [one.wait() for one in both] == [0, 0]
    assert store.verdicts()["reviewer"].value_counts().to_dict() == {"ana": 25, "ben": 25}


def test_a_process_that_is_killed_loses_no_verdict_that_it_confirmed(tmp_path: Path) -> None:
    store = filled(tmp_path)
    command = writes(store, "ana", 100_000)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        confirmed = [int(process.stdout.readline()) for _ in range(20)]
        time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        confirmed += [int(line) for line in process.stdout.read().split("\n") if line]
    kept = [int(one.split("-")[1]) for one in store.verdicts()["request"]]
    assert kept == list(range(len(kept)))
    assert len(kept) - len(confirmed) in (0, 1)
    store.record([Verdict(1, "ana", ABSENT, "afterwards")])
