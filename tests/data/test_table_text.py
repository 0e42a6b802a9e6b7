from __future__ import annotations

from pathlib import Path

import pytest

from rfcx_audio.data import AnnotationError
from rfcx_audio.data.table_text import first_line, frame_of, text_of

PATH = Path("a.csv")


def test_blank_lines_count_but_are_no_rows() -> None:
    table = frame_of(PATH, "a,b\n\n1, x \n,\n2\n", ",")
    assert table.to_dict("list") == {"a": ["1", "2"], "b": ["x", ""], "line": [3, 5]}


def test_a_recording_may_be_called_na() -> None:
    assert frame_of(PATH, "recording_id\nNA\n", ",")["recording_id"].to_list() == ["NA"]


def test_quotes_hold_separators_but_not_in_tables_with_tabs() -> None:
    assert frame_of(PATH, 'a,b\n"1,2",3\n', ",")["a"].to_list() == ["1,2"]
    assert frame_of(PATH, 'a\tb\n"1\t2\n', "\t")["a"].to_list() == ['"1']


def test_rows_with_more_values_than_columns_are_all_named() -> None:
    with pytest.raises(AnnotationError, match=r"a.csv line 2: 2 values for 1(.|\n)*line 3: 3 val"):
        frame_of(PATH, "a\n1,2\n1,2,3\n", ",")


def test_the_first_line_is_that_with_text(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("\ufeff\r\n\r\na,b\r\n1,2\r\n".encode())
    assert first_line(path) == "a,b"


def test_files_that_are_missing_or_no_text_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match=r"gone.csv does not exist; .* \(set data.root\)"):
        text_of(tmp_path / "gone.csv")
    (tmp_path / "a.csv").write_bytes("Kauz ü".encode("latin-1"))
    with pytest.raises(AnnotationError, match="is no text in UTF-8"):
        text_of(tmp_path / "a.csv")
