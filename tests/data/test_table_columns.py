from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from rfcx_audio.data import AnnotationError
from rfcx_audio.data.table_columns import check_columns, fields_of, find_columns

PATH = Path("mine.csv")


def fields(text: dict[str, list[str]], semicolons: bool = False) -> pd.DataFrame:
    table = pd.DataFrame(text)
    table = table.assign(line=[str(number + 2) for number in range(len(table))])
    return fields_of(PATH, table, find_columns(list(text), {}), semicolons)


@pytest.mark.parametrize(
    "name", ["Begin Time (s)", "begin_time_s", "Begin.Time..s.", "BEGIN TIME (S)"]
)
def test_capitals_dots_and_brackets_of_a_column_make_no_difference(name: str) -> None:
    assert find_columns([name, "Species"], {}) == {"species": "Species", "t_min": name}


def test_an_offset_is_a_begin_beside_a_duration_and_else_an_end() -> None:
    assert find_columns(["OFFSET", "DURATION"], {}) == {"duration": "DURATION", "t_min": "OFFSET"}
    assert find_columns(["onset", "offset"], {}) == {"t_min": "onset", "t_max": "offset"}


def test_a_column_is_read_for_one_field_only() -> None:
    assert find_columns(["offset", "x"], {"t_min": "offset"}) == {"t_min": "offset"}
    assert find_columns(["Species", "label"], {"present": "Species"})["species"] == "label"


def test_a_field_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(
        AnnotationError, match="columns has colour; it can name recording_id, folde"
    ):
        check_columns({"colour": "red"})
    assert check_columns({"species": None, "t_min": "from"}) == {"t_min": "from"}


def test_frequencies_of_warbler_are_in_kilohertz() -> None:
    found = fields({"bottom.freq": ["0.35", ""], "top.freq": ["2.4", "x"]})
    assert found[["f_min", "f_max"]].to_numpy().tolist() == [["350", "2400"], ["", "x"]]
    assert fields({"High Freq (kHz)": ["12"]})["f_max"].to_list() == ["12000"]
    assert fields({"High Freq (Hz)": ["12"]})["f_max"].to_list() == ["12"]


def test_decimal_commas_become_points() -> None:
    found = fields({"start": ["0,5", "2"], "end": ["1,25", "3"], "label": ["a,b", "c"]})
    assert found["t_min"].to_list() == ["0.5", "2"]
    assert found["t_max"].to_list() == ["1.25", "3"]
    assert found["species"].to_list() == ["a,b", "c"]


def test_what_may_be_thousands_is_never_guessed() -> None:
    with pytest.raises(
        AnnotationError, match=r"mine.csv line 2: '8,000' may be a decimal number or"
    ):
        fields({"start": ["1"], "end": ["2"], "high freq (hz)": ["8,000"]})
    assert fields({"start": ["1,500"]}, semicolons=True)["t_min"].to_list() == ["1.500"]
    assert fields({"start": ["0,500"], "end": ["1,500"]})["t_max"].to_list() == ["1.500"]


def test_points_among_decimal_commas_are_refused() -> None:
    with pytest.raises(AnnotationError, match=r"line 2: '8.000' has a point, other numbers.*'0,5'"):
        fields({"start": ["0,5"], "end": ["1,5"], "high freq (hz)": ["8.000"]}, semicolons=True)
