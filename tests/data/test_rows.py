from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rfcx_audio.data import AnnotationError, Recordings, match_audio, read_rfcx, read_rows

HEADER = "recording_id,species_id,songtype_id,t_min,f_min,t_max,f_max"
GOOD = "abc,3,1,1.5,1000,2.5,2000"


def write(folder: Path, *lines: str, header: str = HEADER) -> Path:
    path = folder / "train_tp.csv"
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def test_a_row_is_read_as_it_stands(tmp_path: Path) -> None:
    rows = read_rows(write(tmp_path, GOOD), present=True, num_species=24)
    row = rows.iloc[0]
    assert row["recording_id"] == "abc"
    assert (row["species_id"], row["songtype_id"]) == (3, 1)
    assert (row["t_min"], row["f_min"], row["t_max"], row["f_max"]) == (1.5, 1000, 2.5, 2000)
    assert (row["present"], row["weight"]) == (True, 1.0)
    assert (row["source"], row["line"]) == ("train_tp.csv", 2)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("abc,24,1,1,1000,2,2000", "species_id 24 lies outside 0 to 23"),
        ("abc,-1,1,1,1000,2,2000", "species_id -1 lies outside 0 to 23"),
        ("abc,2.5,1,1,1000,2,2000", "species_id = 2.5 is no whole number"),
        ("abc,3,1,nan,1000,2,2000", "t_min = 'nan' is no finite number"),
        ("abc,3,1,,1000,2,2000", "t_min = '' is no finite number"),
        ("abc,3,1,1,1000,inf,2000", "t_max = 'inf' is no finite number"),
        ("abc,3,1,2,1000,2,2000", "t_max = 2 is not above t_min = 2"),
        ("abc,3,1,1,2000,2,1000", "f_max = 1000 is not above f_min = 2000"),
        ("abc,3,1,-1,1000,2,2000", "t_min = -1 is negative"),
        (",3,1,1,1000,2,2000", "recording_id '' is no file name"),
        ("../abc,3,1,1,1000,2,2000", "recording_id '../abc' is no file name"),
        ("abc,3,1,one,1000,2,2000", "t_min = 'one' is no finite number"),
        ("abc,3", "songtype_id = '' is no finite number"),
    ],
)
def test_a_bad_row_is_named_with_file_line_and_reason(
    tmp_path: Path, row: str, reason: str
) -> None:
    path = write(tmp_path, GOOD, row)
    with pytest.raises(AnnotationError) as caught:
        read_rows(path, present=True, num_species=24)
    assert f"{path} line 3: " in str(caught.value)
    assert reason in str(caught.value)


def test_every_bad_row_is_named_at_once(tmp_path: Path) -> None:
    path = write(tmp_path, *["abc,99,1,1,1,2,2"] * 12)
    with pytest.raises(AnnotationError) as caught:
        read_rows(path, present=True, num_species=24)
    assert str(caught.value).count("species_id 99") == 10
    assert "and 2 more" in str(caught.value)


def test_blank_lines_do_not_shift_the_line_numbers(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD, "", "abc,3,1,2,1000,2,2000", "")
    with pytest.raises(AnnotationError, match="line 4: t_max"):
        read_rows(path, present=True, num_species=24)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, "abc,3,1", header="recording_id,species_id,t_min")
    with pytest.raises(AnnotationError, match=r"lacks the column.* songtype_id, f_min, t_max"):
        read_rows(path, present=True, num_species=24)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00\x01", b'a,"b\n'])
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "train_tp.csv"
    path.write_bytes(content)
    with pytest.raises(AnnotationError, match=r"train_tp\.csv"):
        read_rows(path, present=True, num_species=24)


def test_a_missing_table_is_refused_with_the_expected_layout(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match=r"set data\.root"):
        read_rfcx(tmp_path, 24)


def rows_on(*recordings: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "recording_id": recordings,
            "t_min": 4.0,
            "t_max": 5.0,
            "source": "train_tp.csv",
            "line": range(2, 2 + len(recordings)),
        }
    )


def test_rows_without_audio_are_left_out_with_the_reason() -> None:
    kept, left_out = match_audio(
        rows_on("here", "gone", "broken"), {"here": 60.0}, "leave_out", {"broken": "truncated"}
    )
    assert kept["recording_id"].to_list() == ["here"]
    assert left_out["reason"].to_list() == [
        "no audio file for its recording",
        "its audio cannot be read: truncated",
    ]


def test_rows_without_audio_are_an_error_when_asked_for() -> None:
    with pytest.raises(AnnotationError, match="line 3: unknown recording 'gone'"):
        match_audio(rows_on("here", "gone"), {"here": 60.0}, "error")


def test_a_row_that_begins_after_the_end_is_an_error() -> None:
    with pytest.raises(AnnotationError, match=r"line 2: t_min = 4 s lies beyond .*'here' \(4 s\)"):
        match_audio(rows_on("here"), {"here": 4.0}, "leave_out")


def test_a_row_that_ends_after_the_end_is_cut_there_and_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    kept, left_out = match_audio(rows_on("here", "long"), {"here": 4.5, "long": 9.0}, "error")
    assert kept["t_max"].to_list() == [4.5, 5.0]
    assert left_out.empty
    assert "1 rows end after their recording and are cut at its end; the first is" in caplog.text
    assert "train_tp.csv line 2, which ends at 5 s in 'here' of 4.5 s" in caplog.text


@given(st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=20), st.sets(st.sampled_from("ab")))
def test_no_row_is_lost_or_doubled(names: list[str], with_audio: set[str]) -> None:
    kept, left_out = match_audio(rows_on(*names), dict.fromkeys(with_audio, 9.0), "leave_out")
    assert sorted([*kept["line"], *left_out["line"]]) == list(range(2, 2 + len(names)))
    assert set(kept["recording_id"]) <= with_audio


@pytest.mark.data
def test_the_real_tables_read_whole(real_data: Path) -> None:
    rows = read_rfcx(real_data, 24)
    assert rows["present"].sum() == 1216
    assert (~rows["present"]).sum() == 7781
    assert rows["recording_id"].nunique() == 4727
    assert rows.groupby(["species_id", "songtype_id"]).ngroups == 26


@pytest.mark.data
def test_real_rows_without_audio_are_left_out_and_counted(real_data: Path) -> None:
    rows = read_rfcx(real_data, 24)
    train = Recordings.scan(real_data / "train")
    usable, left_out = match_audio(rows, train.durations_s, "leave_out", train.failures)
    assert (len(usable), len(left_out)) == (26, 8971)
    assert usable["recording_id"].nunique() == 14
