from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from reviews import filled
from rfcx_audio.verdicts import (
    ABSENT,
    OTHER,
    PRESENT,
    UNSURE,
    Verdict,
    agreement,
    cohens_kappa,
    settled,
)
from rfcx_audio.verdicts.agreement import disputed


def given(folder: Path, *rows: tuple[str, ...]) -> pd.DataFrame:
    """Answers to clips: the number of the clip, reviewer, answer, and the other species if any."""
    store = filled(folder, number=40)
    numbered = enumerate(rows)
    store.record(Verdict(int(one[0]), one[1], one[2], str(n), *one[3:4]) for n, one in numbered)
    return store.answers()


def test_kappa_is_that_of_a_published_table() -> None:
    # Fleiss, Levin, Paik: Statistical Methods for Rates and Proportions, third edition: of 100
    # patients, 75, 4 and 10 on the diagonal; marginals 80, 15, 5 and 80, 15, 5 give about 0.68.
    counts = [[75, 1, 4], [5, 4, 1], [0, 0, 10]]
    first = np.repeat([0, 0, 0, 1, 1, 1, 2, 2, 2], np.ravel(counts))
    second = np.repeat([0, 1, 2, 0, 1, 2, 0, 1, 2], np.ravel(counts))
    assert cohens_kappa(first, second) == pytest.approx(0.68, abs=0.005)


def test_kappa_of_one_answer_only_is_unknown() -> None:
    assert np.isnan(cohens_kappa(np.ones(5), np.ones(5)))
    assert cohens_kappa(np.array([1, 0, 1, 0]), np.array([1, 1, 0, 0])) == 0.0


def test_agreement_counts_clips_of_both(tmp_path: Path) -> None:
    rows = [
        ("1", "ana", PRESENT),
        ("2", "ana", ABSENT),
        ("3", "ana", PRESENT),
        ("4", "ana", UNSURE),
    ]
    rows += [("1", "ben", PRESENT), ("2", "ben", PRESENT), ("4", "ben", PRESENT)]
    table = agreement(given(tmp_path, *rows))
    everything = table[table["species"] == ""].iloc[0]
    assert (everything["clips"], everything["agree"]) == (2, 0.5)
    assert everything["kappa"] == 0.0
    assert table["species"].to_list() == ["", "owl"]


def test_a_clip_on_which_reviewers_disagree_is_not_settled(tmp_path: Path) -> None:
    rows = [("1", "ana", PRESENT), ("1", "ben", ABSENT), ("2", "ana", ABSENT), ("2", "ben", UNSURE)]
    rows += [("3", "ana", OTHER, "wren"), ("3", "ben", OTHER, "wren")]
    rows += [("4", "ana", OTHER, "wren"), ("4", "ben", ABSENT), ("5", "ana", UNSURE)]
    answers = given(tmp_path, *rows)
    found = settled(answers).sort_values("clip")[["clip", "answer", "other_species"]].fillna("")
    assert found.to_numpy().tolist() == [[2, ABSENT, ""], [3, OTHER, "wren"], [4, ABSENT, ""]]
    assert disputed(answers) == [1]


def test_no_verdict_settles_nothing(tmp_path: Path) -> None:
    answers = given(tmp_path)
    assert settled(answers).empty
    assert agreement(answers).empty
