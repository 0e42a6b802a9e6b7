from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rfcx_audio.data import (
    PSEUDO_COLUMNS,
    AnnotationError,
    CompleteSpan,
    Coverage,
    add_pseudo_rows,
    read_pseudo,
)


def real_rows(*rows: tuple) -> pd.DataFrame:
    """(recording, species, t_min, t_max, present) each, as `read_rfcx` gives them."""
    names = ["recording_id", "species_id", "t_min", "t_max", "present"]
    table = pd.DataFrame(list(rows), columns=names).assign(songtype_id=1, f_min=1.0, f_max=2.0)
    return table.assign(weight=1.0, source="train_tp.csv", line=2)


def pseudo_rows(*rows: tuple) -> pd.DataFrame:
    """(recording, species, t_min, t_max) each."""
    names = ["recording_id", "species_id", "t_min", "t_max"]
    table = pd.DataFrame(list(rows), columns=names).assign(songtype_id=1, f_min=1.0, f_max=2.0)
    table = table.assign(present=True, weight=0.5, round=1, teacher="round_1/fold_0", score=0.95)
    table = table.assign(seen_folds="1 2", fold_table="c0ffee")
    return table[list(PSEUDO_COLUMNS)]


def test_real_rows_win_over_pseudo_rows_that_overlap_them() -> None:
    real = real_rows(("a", 0, 5, 7, True), ("a", 1, 5, 7, False), ("a", 2, 5, 7, True))
    pseudo = pseudo_rows(
        ("a", 0, 1, 6), ("a", 1, 6, 12), ("a", 0, 7, 13), ("a", 3, 5, 7), ("b", 0, 5, 7)
    )
    union, aside = add_pseudo_rows(real, pseudo)
    assert aside[["species_id", "reason"]].to_numpy().tolist() == [
        [0, "redundant"],
        [1, "contradicted"],
    ]
    added = union[union["pseudo"]]
    assert added[["recording_id", "species_id", "t_min"]].to_numpy().tolist() == [
        ["a", 0, 7],
        ["a", 3, 5],
        ["b", 0, 5],
    ]
    pd.testing.assert_frame_equal(union.loc[~union["pseudo"], list(real)], real, check_dtype=False)


def test_complete_truth_wins_over_pseudo_rows_in_it() -> None:
    real = real_rows(("a", 0, 5, 7, True))
    pseudo = pseudo_rows(
        ("a", 1, 5, 7), ("b", 0, 0, 5), ("b", 1, 1, 5), ("b", 0, 4, 7), ("c", 0, 1, 2)
    )
    pseudo.loc[0, "present"] = False
    spans = CompleteSpan("a"), CompleteSpan("b", 0.0, 6.0, frozenset({0}))
    union, aside = add_pseudo_rows(real, pseudo, Coverage(spans))
    assert aside[["recording_id", "species_id", "reason"]].to_numpy().tolist() == [
        ["a", 1, "redundant"],
        ["b", 0, "contradicted"],
    ]
    kept = union.loc[union["pseudo"], ["recording_id", "species_id", "t_min"]]
    assert kept.to_numpy().tolist() == [["b", 1, 1], ["b", 0, 4], ["c", 0, 1]]


def test_the_union_equals_a_loop() -> None:
    rng = np.random.default_rng(0)

    def box() -> tuple:
        start = rng.uniform(0, 30)
        return (f"r{rng.integers(3)}", int(rng.integers(3)), start, start + rng.uniform(1, 6))

    real = real_rows(*[(*box(), bool(rng.random() < 0.5)) for _ in range(25)])
    pseudo = pseudo_rows(*[box() for _ in range(60)])
    pseudo["present"] = rng.random(60) < 0.8
    reasons = []
    for row in pseudo.itertuples():
        found = {
            other.present == row.present
            for other in real.itertuples()
            if (other.recording_id, other.species_id) == (row.recording_id, row.species_id)
            and other.t_min < row.t_max
            and other.t_max > row.t_min
        }
        reasons.append("contradicted" if False in found else "redundant" if found else "")
    union, aside = add_pseudo_rows(real, pseudo)
    assert aside["reason"].to_list() == [reason for reason in reasons if reason]
    assert aside["reason"].nunique() == 2
    kept = pseudo[[not reason for reason in reasons]].reset_index(drop=True)
    found = union.loc[union["pseudo"], list(PSEUDO_COLUMNS)].reset_index(drop=True)
    pd.testing.assert_frame_equal(found, kept)


def test_every_row_names_its_source() -> None:
    union, _ = add_pseudo_rows(real_rows(("a", 0, 5, 7, True)), pseudo_rows(("b", 0, 5, 7)))
    found = union[["source", "pseudo", "round", "teacher", "weight"]].to_numpy().tolist()
    assert found == [
        ["train_tp.csv", False, 0, "", 1.0],
        ["pseudo", True, 1, "round_1/fold_0", 0.5],
    ]
    assert union["present"].dtype == union["pseudo"].dtype == bool
    assert not union.drop(columns="score").isna().to_numpy().any()


def test_without_pseudo_rows_the_union_is_the_real_rows() -> None:
    real = real_rows(("a", 0, 5, 7, True))
    union, aside = add_pseudo_rows(real, pseudo_rows())
    assert aside.empty
    pd.testing.assert_frame_equal(union[list(real)], real)
    assert union["pseudo"].to_list() == [False]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize("count", [0, 2])
def test_a_table_is_read_as_it_was_written(tmp_path: Path, ending: str, count: int) -> None:
    table = pseudo_rows(*[("0012", 3, 1.5, 7.5), ("b", 0, 0.0, 6.0)][:count])
    path = tmp_path / f"rows.{ending}"
    if ending == "csv":
        table.to_csv(path, index=False)
    else:
        table.to_parquet(path, index=False)
    read = read_pseudo(path)
    pd.testing.assert_frame_equal(read, table, check_dtype=False)
    assert read["present"].dtype == bool
    union, _ = add_pseudo_rows(real_rows(("a", 0, 5, 7, True)), read)
    assert len(union) == count + 1


def test_rows_are_present_with_half_the_weight_unless_the_table_has_others(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    pseudo_rows(("a", 0, 1, 2)).drop(columns=["present", "weight"]).to_csv(path, index=False)
    assert read_pseudo(path)[["present", "weight"]].to_numpy().tolist() == [[True, 0.5]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"t_max": 0.5}, r"t_max is not above t_min in 1 row\(s\), the first is row 2"),
        ({"f_max": 0.0}, "f_max is not above f_min"),
        ({"t_min": "early"}, "not a finite number"),
        ({"weight": 2.0}, "weight lies outside"),
        ({"species_id": -1}, "not a whole number in"),
        ({"species_id": 0.5}, "not a whole number in"),
        ({"round": 2.0**31}, "not a whole number in"),
        ({"present": "perhaps"}, "present is neither True nor False"),
        ({"seen_folds": "all"}, "seen_folds is no list of numbers"),
    ],
)
def test_broken_rows_are_refused(tmp_path: Path, change: dict, message: str) -> None:
    table = pseudo_rows(("a", 0, 1, 2), ("b", 0, 1, 2)).astype(object)
    for name, value in change.items():
        table.loc[1, name] = value
    table.to_csv(tmp_path / "rows.csv", index=False)
    with pytest.raises(AnnotationError, match=message):
        read_pseudo(tmp_path / "rows.csv")


def test_files_that_are_no_such_table_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match=r"does not exist; set data\.pseudo_rows"):
        read_pseudo(tmp_path / "gone.csv")
    pd.DataFrame({"recording_id": ["a"], "t_min": [1]}).to_csv(tmp_path / "rows.csv")
    with pytest.raises(AnnotationError, match=r"lacks the column\(s\) species_id"):
        read_pseudo(tmp_path / "rows.csv")
    (tmp_path / "rows.parquet").write_bytes(b"nonsense")
    with pytest.raises(AnnotationError, match="is not a table of pseudo-labels"):
        read_pseudo(tmp_path / "rows.parquet")
