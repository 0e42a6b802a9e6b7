from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import report
from benchmarks.timing import Row


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(report, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(report, "PAGE", tmp_path / "performance.md")
    return tmp_path


def row(what: str, ours: float, goal: float | None = 1.0) -> Row:
    return Row(what, "ours", "theirs", "s", [(ours, 2.0)], goal)


def test_a_row_replaces_the_one_of_its_name_and_leaves_the_others(places: Path) -> None:
    report.keep([row("a", 1.0), row("b", 1.0)])
    path = report.keep([row("b", 3.0), row("c", 1.0)])
    kept = json.loads(path.read_text())
    assert kept["hardware"] == report.hardware()
    assert {line["group"]: line["ratio"] for line in kept["rows"]} == {"a": 0.5, "b": 1.5, "c": 0.5}


def test_the_page_has_every_row_and_marks_missed_goals(places: Path) -> None:
    report.keep([row("a", 1.0), row("b", 3.0), row("c", 3.0, None)])
    report.write_page()
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in (places / "performance.md").read_text().splitlines()
        if line.startswith(("| a |", "| b |", "| c |"))
    ]
    assert [(line[0], line[-2], line[-1]) for line in cells] == [
        ("a", "at most 1.00", "yes"),
        ("b", "at most 1.00", "**no**"),
        ("c", "", ""),
    ]
    assert (places / "performance.png").stat().st_size > 1000
