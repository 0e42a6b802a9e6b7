from __future__ import annotations

import json
from pathlib import Path

import pytest

from trust import report

LINES = [
    {"part": "Numerics", "promise": "sums", "tried": 1200, "lost": 0, "note": ""},
    {"part": "Bad audio", "promise": "is named", "tried": 3, "lost": 1, "note": "not yet"},
    {"part": "Numerics", "promise": "sums", "tried": 34, "lost": 0, "note": ""},
]


def test_a_promise_is_one_row_with_the_sum_of_its_cases() -> None:
    text = report.page(LINES)
    assert "| sums | 1\u202f234 | 0 |" in text
    assert "| is named | 3 | 1 |" in text
    assert text.index("Bad audio") < text.index("Numerics")
    assert "1\u202f237 cases tried, 1 lost" in text
    assert "* is named: not yet" in text


def mutants(folder: Path, left: int = 0) -> None:
    lines = ["module,mutants,found,argued,left", "loss,4,4,0,0", f"all,9,{7 - left},2,{left}"]
    (folder / "mutation.csv").write_text("\n".join(lines))


def test_mutants_are_counted_as_they_were_last_tried(tmp_path: Path) -> None:
    mutants(tmp_path, left=1)
    line = report.of_mutants(tmp_path / "mutation.csv")
    assert (line["part"], line["tried"], line["lost"]) == ("Mutation", 9, 1)
    assert "found by a test (6), or argued to be none (2)" in line["promise"]


def test_a_case_lost_without_a_known_reason_is_an_error(tmp_path: Path) -> None:
    ledger, target = tmp_path / "ledger.jsonl", tmp_path / "page.md"
    mutants(tmp_path)
    ledger.write_text("\n".join(json.dumps(line) for line in LINES))
    report.main(ledger, target)
    ledger.write_text(json.dumps(LINES[0] | {"lost": 1}))
    with pytest.raises(SystemExit, match="lost"):
        report.main(ledger, target)
    assert "| sums | 1\u202f200 | 1 |" in target.read_text()


def test_an_empty_ledger_is_an_error(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.jsonl"
    ledger.write_text("")
    with pytest.raises(SystemExit, match="empty"):
        report.main(ledger, tmp_path / "page.md")
