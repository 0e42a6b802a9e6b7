from __future__ import annotations

from pathlib import Path

import pytest

from rfcx_audio.data import AnnotationError
from rfcx_audio.data.label_track import is_label_track, label_track

PATH = Path("dawn.txt")


@pytest.mark.parametrize("line", ["0.5\t1.5\tOwl", "0,500000\t1,5\t", "3\t3", "1e-3\t2\tx"])
def test_a_label_track_begins_with_two_numbers(line: str) -> None:
    assert is_label_track(line)


@pytest.mark.parametrize("line", ["start\tend\tlabel", "0.5 1.5 Owl", "0.5\tOwl", "0.5,1.5,Owl"])
def test_other_lines_begin_no_label_track(line: str) -> None:
    assert not is_label_track(line)


def test_labels_with_and_without_frequencies_points_and_empty_labels() -> None:
    text = "0.5\t1,5\tlittle owl: 'hoo'\n\\\t300,5\t900\n\n2\t2\t\n3.0\t4.0\n"
    table = label_track(PATH, text)
    columns = ["line", "t_min", "t_max", "species", "f_min", "f_max"]
    assert table[columns].to_numpy().tolist() == [
        [1, "0.5", "1.5", "little owl: 'hoo'", "300.5", "900"],
        [4, "2", "2", "", "", ""],
        [5, "3.0", "4.0", "", "", ""],
    ]


def test_a_label_may_hold_any_sign_but_a_tab_and_an_end_of_line() -> None:
    assert label_track(PATH, "0\t1\tR\u00edo\u2028x\x0b\x85y\n")["line"].to_list() == [1]


@pytest.mark.parametrize("line", ["nonsense", "1\t2\t3\t4"])
def test_another_line_is_named(line: str) -> None:
    with pytest.raises(AnnotationError, match=r"dawn.txt line 1: .* is neither start, end, label"):
        label_track(PATH, line)
