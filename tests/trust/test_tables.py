"""Properties of annotation tables, whatever is in them."""

from __future__ import annotations

import csv
import io
import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rfcx_audio.data import Folds
from rfcx_audio.data.pseudo import PSEUDO_COLUMNS, read_pseudo
from rfcx_audio.data.rows import (
    RFCX_COLUMNS,
    AnnotationError,
    match_audio,
    read_rows,
)
from rfcx_audio.data.truth import read_truth
from trust.ledger import Tally, brief_or_long

PART = "Bad tables and configurations"
SPECIES = 24

anything = settings(
    max_examples=brief_or_long(100, 3000),
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
names = st.text(
    st.characters(exclude_characters="/\\\0\r\n", exclude_categories=["Cs"]),
    min_size=1,
    max_size=20,
).filter(lambda name: name not in (".", ".."))
edges = st.tuples(st.floats(0, 1e5), st.floats(1e-3, 1e5)).map(lambda p: (p[0], p[0] + p[1]))


@st.composite
def good_rows(draw: st.DrawFn) -> list[list[object]]:
    rows = []
    for _ in range(draw(st.integers(0, 6))):
        (t_min, t_max), (f_min, f_max) = draw(edges), draw(edges)
        species, songtype = draw(st.integers(0, SPECIES - 1)), draw(st.integers(0, 9))
        rows.append([draw(names), species, songtype, t_min, f_min, t_max, f_max])
    return rows


def text_of(
    rows: list[list[object]], line_end: str = "\n", quoting: int = csv.QUOTE_MINIMAL
) -> str:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator=line_end, quoting=quoting)
    writer.writerows([list(RFCX_COLUMNS), *rows])
    return file.getvalue()


def read(folder: Path, content: str, **kind: str) -> pd.DataFrame:
    path = folder / "train_tp.csv"
    with path.open("w", newline="", **kind) as file:
        file.write(content)
    return read_rows(path, present=True, num_species=SPECIES)


@pytest.mark.promise(PART, "a good table is read value by value, however it is written")
def test_a_good_table_is_read_as_it_stands(tmp_path: Path, tally: Tally) -> None:
    @anything
    @given(
        good_rows(),
        st.sampled_from(["\n", "\r\n"]),
        st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
        st.sampled_from(["utf-8", "utf-8-sig"]),
    )
    def check(rows: list[list[object]], line_end: str, quoting: int, encoding: str) -> None:
        found = read(tmp_path, text_of(rows, line_end, quoting), encoding=encoding)
        ids = [unicodedata.normalize("NFC", str(row[0])) for row in rows]
        assert found["recording_id"].to_list() == ids
        numbers = np.array([row[1:] for row in rows], dtype=float).reshape(-1, 6)
        assert np.allclose(found[list(RFCX_COLUMNS[1:])].to_numpy(float), numbers, rtol=1e-12)
        assert found["line"].to_list() == list(range(2, len(rows) + 2))
        tally.case(True)

    check()


BAD_CELLS = st.one_of(
    st.sampled_from(
        ["", "-1", "-1e300", "nan", "NaN", "inf", "-inf", "1e999", "x", "1,5", "0x1F", "--1", "1 2"]
    ),
    st.floats(max_value=-1e-9, allow_nan=False, allow_infinity=False).map(str),
    st.text("abcxyz-+.,;: ", max_size=5).filter(lambda text: not _is_number(text)),
)


def _is_number(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False


@pytest.mark.promise(PART, "a row with a bad cell is refused, with its line and column")
def test_a_bad_cell_is_named(tmp_path: Path, tally: Tally) -> None:
    @anything
    @given(good_rows().filter(bool), st.data())
    def check(rows: list[list[object]], data: st.DataObject) -> None:
        line = data.draw(st.integers(0, len(rows) - 1))
        column = data.draw(st.integers(1, 6))
        rows[line][column] = data.draw(BAD_CELLS)
        with pytest.raises(AnnotationError) as error:
            read(tmp_path, text_of(rows))
        assert f"line {line + 2}: " in str(error.value)
        assert RFCX_COLUMNS[column] in str(error.value)
        tally.case(True)

    check()


@pytest.mark.promise(PART, "a species outside the range, or between two numbers, is refused")
def test_a_species_that_does_not_exist_is_refused(tmp_path: Path, tally: Tally) -> None:
    impossible = st.one_of(
        st.integers(SPECIES, 10**30), st.integers(-(10**30), -1), st.floats(0.01, 0.99)
    )

    @anything
    @given(good_rows().filter(bool), impossible)
    def check(rows: list[list[object]], species: float) -> None:
        rows[-1][1] = species
        with pytest.raises(AnnotationError, match=f"line {len(rows) + 1}: .*species_id"):
            read(tmp_path, text_of(rows))
        tally.case(True)

    check()


@pytest.mark.promise(PART, "values beyond the columns are refused, never shifted into others")
@pytest.mark.parametrize("surplus", [",", ",5", ",,"])
@pytest.mark.parametrize("lines", [(1,), (2,), (1, 2)])
def test_surplus_values_shift_nothing(tmp_path: Path, surplus: str, lines: tuple[int, ...]) -> None:
    # All numbers, so that a shifted row would pass every other rule.
    whole = text_of([[1, 2, 3, 4, 5, 6, 7], [1, 2, 3, 4, 5, 6, 7]]).splitlines()
    content = [line + surplus if at in lines else line for at, line in enumerate(whole)]
    with pytest.raises(AnnotationError):
        read(tmp_path, "\n".join(content) + "\n")


@pytest.mark.promise(PART, "every row is kept or left out with a reason, and none twice")
def test_no_row_is_lost_or_doubled(tmp_path: Path, tally: Tally) -> None:
    @anything
    @given(good_rows(), st.data())
    def check(rows: list[list[object]], data: st.DataObject) -> None:
        table = read(tmp_path, text_of(rows))
        known = sorted(set(table["recording_id"]))
        there = data.draw(st.sets(st.sampled_from(known))) if known else set()
        broken = data.draw(st.sets(st.sampled_from(known))) - there if known else set()
        durations_s = dict.fromkeys(there, 3e5)
        failures = dict.fromkeys(broken, "it is torn")
        kept, left_out = match_audio(table, durations_s, "leave_out", failures)
        assert sorted([*kept["line"], *left_out["line"]]) == table["line"].to_list()
        assert set(kept["recording_id"]) <= there
        torn = left_out["reason"].astype(str).str.contains("it is torn")
        assert (torn == left_out["recording_id"].isin(broken)).all()
        tally.case(True)

    check()


@pytest.mark.promise(PART, "a recording may have any name, those that look like nothing included")
@pytest.mark.parametrize("name", ["NA", "nan", "null", "None", "N/A", "", "007", "1e5", "-1"])
def test_names_that_look_like_nothing(tmp_path: Path, name: str) -> None:
    if not name or "/" in name:
        with pytest.raises(AnnotationError, match="is no file name"):
            read(tmp_path, text_of([[name, 1, 1, 0, 0, 1, 1]]))
        return
    assert read(tmp_path, text_of([[name, 1, 1, 0, 0, 1, 1]]))["recording_id"].to_list() == [name]


@pytest.mark.promise(PART, "a recording may have any name, those that look like nothing included")
def test_folds_know_a_recording_named_na(tmp_path: Path) -> None:
    rows = pd.DataFrame({"recording_id": ["NA", "b", "c", "d"], "species_id": 1, "present": True})
    folds = Folds(str(tmp_path / "folds.csv"), num_folds=2)
    first = folds.table(rows)
    pd.testing.assert_frame_equal(folds.table(rows), first)


@pytest.mark.promise(PART, "a recording may have any name, those that look like nothing included")
def test_pseudo_labels_know_a_recording_named_na(tmp_path: Path) -> None:
    row = ["NA", 3, 1, 0.5, 100, 1.5, 900, True, 0.5, 1, "teacher", 0.9, "1 2", "f"]
    pd.DataFrame([row], columns=pd.Index(PSEUDO_COLUMNS)).to_csv(tmp_path / "r.csv", index=False)
    assert read_pseudo(tmp_path / "r.csv")["recording_id"].to_list() == ["NA"]


@pytest.mark.promise(PART, "pseudo-labels of a species that does not exist are refused")
@pytest.mark.parametrize("species", [-1, 0.5])
def test_pseudo_labels_of_no_species(tmp_path: Path, species: float) -> None:
    row = ["a", species, 1, 0.5, 100, 1.5, 900, True, 0.5, 1, "teacher", 0.9, "1 2", "f"]
    pd.DataFrame([row], columns=pd.Index(PSEUDO_COLUMNS)).to_csv(tmp_path / "r.csv", index=False)
    with pytest.raises(AnnotationError):
        read_pseudo(tmp_path / "r.csv")


@pytest.mark.promise(PART, "complete truth of a species that does not exist is refused")
@pytest.mark.parametrize("species", ["-1", "24", "0.5", "", "nan", "frog"])
def test_truth_of_no_species(tmp_path: Path, species: str) -> None:
    path = tmp_path / "truth.csv"
    path.write_text(f"split,recording_id,species_id\ntest,NA,3\ntest,b,{species}\n")
    with pytest.raises(AnnotationError, match="line 3: species_id"):
        read_truth(path, SPECIES)


@pytest.mark.promise(PART, "a recording may have any name, those that look like nothing included")
def test_truth_knows_a_recording_named_na(tmp_path: Path) -> None:
    path = tmp_path / "truth.csv"
    path.write_text("split,recording_id,species_id\ntest,NA,3\n")
    assert read_truth(path, SPECIES)["recording_id"].to_list() == ["NA"]
