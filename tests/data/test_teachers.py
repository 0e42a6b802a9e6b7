from __future__ import annotations

import pandas as pd

from rfcx_audio.data import fold_table_id, seen_by_teacher, seen_folds

FOLDS = pd.DataFrame({"recording_id": ["a", "b", "c", "d"], "fold": [0, 1, 2, 0]})
OWN = fold_table_id(FOLDS)


def pseudo(*rows: tuple[str, str, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=pd.Index(["recording_id", "seen_folds", "fold_table"]))


def test_a_table_of_folds_has_a_name_by_its_content() -> None:
    assert fold_table_id(FOLDS[::-1]) == OWN
    assert fold_table_id(FOLDS.assign(fold=[0, 1, 2, 1])) != OWN


def test_teachers_saw_the_folds_that_their_rows_state_and_all_where_nothing_fits() -> None:
    assert seen_folds(pseudo(("a", "1", OWN), ("d", "1 2", OWN)), FOLDS) == {1, 2}
    assert seen_folds(pseudo(), FOLDS) == set()
    assert seen_folds(pseudo(("a", "1", OWN), ("b", "", "")), FOLDS) == {0, 1, 2}
    assert seen_folds(pseudo(("a", "1", "other")), FOLDS) == {0, 1, 2}


def test_a_teacher_saw_the_other_folds_and_what_the_teachers_of_its_own_rows_saw() -> None:
    assert seen_by_teacher({1}, None, FOLDS) == "0 2"
    before = pseudo(("a", "1 2", OWN), ("b", "0 2", OWN))
    assert seen_by_teacher({1}, before, FOLDS) == "0 1 2"  # by the row of a
    assert seen_by_teacher({0}, before[1:], FOLDS) == "0 1 2"
    assert seen_by_teacher({1}, before[1:], FOLDS) == "0 2"  # the row of b is held out with it


def test_a_teacher_that_left_out_the_judging_fold_did_not_see_it_either() -> None:
    assert seen_by_teacher({1, 2}, None, FOLDS) == "0"
    before = pseudo(("a", "0 1", OWN), ("c", "2", OWN))  # the row of c is left out
    assert seen_by_teacher({1, 2}, before, FOLDS) == "0 1"
