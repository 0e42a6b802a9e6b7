from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from rfcx_audio.data import (
    EVERYWHERE,
    NOWHERE,
    AnnotationError,
    CompleteSpan,
    Coverage,
    read_coverage,
)

NAMES = {0: "Moss piper", 1: "Reed bell", 2: "Fen owl"}


def read(tmp_path: Path, text: str, names: dict[int, str] | None = None) -> Coverage:
    (tmp_path / "complete.csv").write_text(text)
    return read_coverage(tmp_path / "complete.csv", NAMES if names is None else names)


def test_windows_are_complete_where_a_plain_loop_finds_them_covered() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        spans = [
            CompleteSpan("a", t, t + length, None if rng.random() < 0.5 else frozenset({1}))
            for t, length in zip(rng.integers(0, 12, 4), rng.integers(1, 8, 4), strict=True)
        ]
        starts = torch.arange(0, 16).double()
        found = Coverage(tuple(spans)).windows("a", starts, starts + 3, 2)
        for window, start in enumerate(range(16)):
            for species in range(2):
                own = [s for s in spans if s.species is None or species in s.species]
                seconds = range(start, start + 3)
                covered = all(any(s.t_min <= t < s.t_max for s in own) for t in seconds)
                assert found[window, species] == covered


def test_names_patterns_and_everything() -> None:
    some = Coverage((CompleteSpan("siteA/*"), CompleteSpan("b[1]"), CompleteSpan("c", 0.0, 9.0)))
    assert some.named(["siteA/x", "siteB/x", "b[1]", "b1", "c"]) == ["siteA/x", "b[1]", "b1", "c"]
    assert some.missed(["siteA/x", "c"]) == ["b[1]"]
    assert some.whole("siteA/x", np.inf, 3).all()
    assert some.whole("c", 9.0, 3).all()
    assert not some.whole("c", 9.5, 3).any()
    assert EVERYWHERE.whole("anything", np.inf, 2).all()
    assert not NOWHERE.whole("anything", 1.0, 2).any()
    assert (bool(some), bool(NOWHERE)) == (True, False)


def test_within_recordings_a_name_with_brackets_is_a_name() -> None:
    stated = Coverage((CompleteSpan("d[[]1]"),))
    found = stated.within({"d[1]": 5.0, "d1": 5.0})
    assert [span.recording for span in found.spans] == ["d[1]"]
    assert found.whole("d[1]", 5.0, 2).all()
    assert not found.whole("d1", 5.0, 2).any()


def test_spans_within_recordings_name_them_and_end_with_them() -> None:
    some = Coverage((CompleteSpan("*", 2.0), CompleteSpan("b", 0.0, 1.0), CompleteSpan("c")))
    found = some.within({"b": 5.0, "a": 3.0, "short": 1.5})
    assert [tuple(span[:3]) for span in found.spans] == [
        ("a", 2.0, 3.0),
        ("b", 0.0, 1.0),
        ("b", 2.0, 5.0),
    ]


def test_a_table_names_recordings_spans_and_species(tmp_path: Path) -> None:
    text = "recording_id,t_min,t_max,species\na.WAV,,,\nb,10,20,Reed bell;Fen owl\nsite/*,5,,\n"
    assert read(tmp_path, text).spans == (
        CompleteSpan("a", species=frozenset({0, 1, 2})),
        CompleteSpan("b", 10.0, 20.0, frozenset({1, 2})),
        CompleteSpan("site/*", 5.0, np.inf, frozenset({0, 1, 2})),
    )
    numbered = read(tmp_path, "recording_id,species\na,s3;7\nb,\n", {})
    assert numbered.spans == (CompleteSpan("a", species=frozenset({3, 7})), CompleteSpan("b"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("recording_id,tmin\na,3\n", "line 1 has the columns recording_id, tmin; expected"),
        ("name\na\n", "expected recording_id"),
        ("recording_id\n", "names no recording"),
        ("recording_id,t_min\n,3\n", "line 2: recording_id is empty"),
        ("recording_id,t_min,t_max\na,3,2\n", "line 2: t_max = 2 s is not above t_min = 3 s"),
        ("recording_id,t_min,t_max\na,x,2\n", "line 2: could not convert string to float: 'x'"),
        ("recording_id,species\na,Moss\n", "line 2: species 'Moss' is unknown; the labels have"),
    ],
)
def test_what_is_no_such_table_is_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(AnnotationError, match=words):
        read(tmp_path, text)


def test_a_table_that_is_not_there_is_named_by_its_key(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match=r"complete=.*yes\.csv is no file; expected a CSV"):
        read_coverage(tmp_path / "yes.csv", NAMES)


def test_a_name_is_refused_where_species_have_numbers_only(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match="'Owl' is unknown; the labels have numbers, such as"):
        read(tmp_path, "recording_id,species\na,Owl\n", {})


def test_the_example_of_the_page_is_read(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "own_data.md").read_text()
    section = page.partition("## Complete truth")[2]
    (example,) = re.findall(r"^```csv\n(recording_id.*?)^```$", section, re.DOTALL | re.M)
    found = read(tmp_path, example)
    assert found.whole("dawn", 300.0, 3).all()
    minute = found.windows("dusk", torch.tensor([0.0, 57.0]), torch.tensor([6.0, 63.0]), 3)
    assert minute.tolist() == [[True] * 3, [False] * 3]
    assert found.whole("siteA/dawn", 300.0, 3).tolist() == [False, True, True]
