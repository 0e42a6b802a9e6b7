from __future__ import annotations

from pathlib import Path

import pytest

from rfcx_audio.data import AnnotationError
from rfcx_audio.data.table_text import first_line, frame_of, separator_of, text_of

PATH = Path("a.csv")


def test_blank_lines_count_but_are_no_rows() -> None:
    table = frame_of(PATH, "a,b\n\n1, x \n,\n2\n")
    assert table.to_dict("list") == {"a": ["1", "2"], "b": ["x", ""], "line": [3, 5]}


def test_a_recording_may_be_called_na() -> None:
    assert frame_of(PATH, "recording_id\nNA\n")["recording_id"].to_list() == ["NA"]


def test_quotes_hold_separators_but_not_in_tables_with_tabs() -> None:
    assert frame_of(PATH, 'a,b\n"1,2",3\n')["a"].to_list() == ["1,2"]
    assert frame_of(PATH, 'a\tb\n"1\t2\n')["a"].to_list() == ['"1']


def test_quotes_around_whole_cells_of_a_table_with_tabs_are_taken_off() -> None:
    text = 'a\tb\n"x"\t"call \\"hoo\\""\n"C:\\dir\\"\t"a ""b"""\n"hoo" and "hee"\t""\n'
    table = frame_of(PATH, text)
    assert table["a"].to_list() == ["x", "C:\\dir\\", '"hoo" and "hee"']
    assert table["b"].to_list() == ['call "hoo"', 'a "b"', ""]


@pytest.mark.parametrize(
    ("first", "mark"), [("a;b,c", ";"), ("a\tb;c", "\t"), ('"a;b",c', ","), ("a", ",")]
)
def test_the_separator_stands_in_the_first_line_outside_of_quotes(first: str, mark: str) -> None:
    assert separator_of(f"\n{first}\nx;y;z\n") == mark


def test_a_quote_that_is_never_closed_is_no_endless_cell() -> None:
    with pytest.raises(
        AnnotationError, match=r"a.csv line \d+: field larger .* close what a quote"
    ):
        frame_of(PATH, 'a,b\n"1,2\n' + "3,4\n" * 100_000)


def test_row_names_of_r_are_refused_with_the_remedy() -> None:
    with pytest.raises(AnnotationError, match=r"line 2: 3 values for 2 .* row.names = FALSE"):
        frame_of(PATH, '"a"\t"b"\n"1"\tx\ty\n')


def test_rows_with_more_values_than_columns_are_all_named() -> None:
    with pytest.raises(AnnotationError, match=r"a.csv line 2: 2 values for 1(.|\n)*line 3: 3 val"):
        frame_of(PATH, "a\n1,2\n1,2,3\n")


def test_the_first_line_is_that_with_text(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("\ufeff\r\n\r\na,b\r\n1,2\r\n".encode())
    assert first_line(text_of(path)) == "a,b"


def test_files_that_are_missing_or_no_text_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match=r"gone.csv does not exist; .* \(set data.root\)"):
        text_of(tmp_path / "gone.csv")
    (tmp_path / "a.csv").write_bytes("Kauz ü".encode("latin-1"))
    with pytest.raises(AnnotationError, match="is no text in UTF-8"):
        text_of(tmp_path / "a.csv")
    (tmp_path / "b.csv").write_bytes("start,end".encode("utf-16-le"))  # without its mark
    with pytest.raises(AnnotationError, match="it holds zero bytes"):
        text_of(tmp_path / "b.csv")
    with pytest.raises(AnnotationError, match="cannot be opened: Is a directory"):
        text_of(tmp_path)
