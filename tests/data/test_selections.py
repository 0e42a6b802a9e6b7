from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from rfcx_audio.data import AnnotationError
from rfcx_audio.data.selections import is_selection_table, one_view, within_files

PATH = Path("all.selections.txt")


def table(*rows: tuple[str, ...]) -> pd.DataFrame:
    names = ["recording_id", "t_min", "t_max", "file_offset", "species"]
    return pd.DataFrame(list(rows), columns=pd.Index(names))


def test_a_selection_table_numbers_its_selections() -> None:
    assert is_selection_table(pd.DataFrame({"Selection": []}))
    assert not is_selection_table(pd.DataFrame({"selec": []}))


def test_the_row_of_the_spectrogram_is_kept_whatever_the_order() -> None:
    rows = table(*[("a", "0", "1", "", "Owl")] * 3, ("a", "2", "3", "", "Owl"))
    text = pd.DataFrame(
        {
            "Selection": ["1", "1", "1", "2"],
            "View": ["Waveform 1", "Spectrogram 1", "Spectrogram 2", "Waveform 1"],
        }
    )
    assert one_view(rows, text).index.to_list() == [1, 3]
    assert one_view(rows, text.drop(columns="View")).index.to_list() == [0, 1, 2, 3]


def test_times_are_those_within_the_file() -> None:
    rows = table(("b", "61.25", "62.75", "1.25", "Owl"), ("b", "?", "2", "1", "Owl"))
    within_files(PATH, rows, has_offset=True)
    assert rows[["t_min", "t_max"]].to_numpy().tolist() == [["1.25", "2.75"], ["1", "1 + 2 - ?"]]


def test_several_files_without_an_offset_are_refused() -> None:
    one = table(("a", "0", "1", "", "Owl"))
    within_files(PATH, one, has_offset=False)
    assert one["t_max"].to_list() == ["1"]
    with pytest.raises(
        AnnotationError, match=r"lacks the column File Offset.*2 files \('a', 'b'\)"
    ):
        within_files(PATH, table(("a", "", "", "", ""), ("b", "", "", "", "")), has_offset=False)
