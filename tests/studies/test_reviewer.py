from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from reviews import filled
from rfcx_audio.verdicts import ABSENT, PRESENT, UNSURE
from studies.reviewer import Reviewer, answer

SPECIES = {"owl": 0, "wren": 1}


def asked(*clips: tuple[str, str, float]) -> pd.DataFrame:
    """Clips of 3 s: recording, species and start."""
    rows = [(n, *clip, clip[2] + 3.0) for n, clip in enumerate(clips, 1)]
    columns = ["clip", "recording_id", "species", "t_min", "t_max"]
    return pd.DataFrame(rows, columns=pd.Index(columns))


def reviewer(wrong: float = 0.0) -> Reviewer:
    calls = [("a", 0, 1.0, 2.0), ("a", 1, 2.8, 4.8), ("b", 0, 0.0, 9.0)]
    columns = pd.Index(["recording_id", "species_id", "t_min", "t_max"])
    truth = pd.DataFrame(calls, columns=columns)
    return Reviewer(truth, wrong, np.random.default_rng(0))


def test_the_reviewer_knows_every_call() -> None:
    clips = asked(("a", "owl", 0.0), ("a", "wren", 0.0), ("a", "wren", 3.0), ("b", "wren", 0.0))
    answers = [one.answer for one in reviewer().verdicts(clips, SPECIES)]
    assert answers == [PRESENT, UNSURE, PRESENT, ABSENT]


def test_a_share_of_the_verdicts_is_wrong() -> None:
    clips = asked(*(("a", "owl", 0.0), ("b", "wren", 0.0), ("a", "wren", 0.0)) * 400)
    right = [one.answer for one in reviewer().verdicts(clips, SPECIES)]
    answers = [one.answer for one in reviewer(0.25).verdicts(clips, SPECIES)]
    turned = {ABSENT: PRESENT, PRESENT: ABSENT, UNSURE: UNSURE}
    wrong = [one != other for one, other in zip(answers, right, strict=True)]
    assert 0.2 < np.mean([one for one, of in zip(wrong, right, strict=True) if of != UNSURE]) < 0.3
    assert all(one in (of, turned[of]) for one, of in zip(answers, right, strict=True))


def test_a_queue_is_answered_from_a_table_of_all_calls(tmp_path: Path) -> None:
    store = filled(tmp_path)
    (tmp_path / "species.csv").write_text("species,species_id\nwren,0\nowl,1\n")
    lines = ["recording_id,species_id,t_min,t_max", "night_0,1,0.5,1.5", "night_1,0,3,6"]
    (tmp_path / "truth.csv").write_text("\n".join(lines) + "\n")
    given = {"store": store.path, "truth": tmp_path / "truth.csv", "name": "sim", "wrong": 0.0}
    assert answer(**given, seed=0, number=3) == 3
    assert answer(**given, seed=0, number=None) == 1
    assert store.answers()["answer"].to_list() == [PRESENT, ABSENT, ABSENT, ABSENT]
