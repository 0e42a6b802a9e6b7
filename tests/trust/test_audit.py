from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from trust import audit

LOCK = Path(__file__).parents[2] / "requirements.lock"
FLAW = {"id": "PYSEC-1", "fix_versions": ["2.1"], "aliases": [], "description": ""}


def one(name: str, *flaws: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "version": "2.0", "vulns": list(flaws)}


def test_a_known_flaw_is_an_error_and_named() -> None:
    status, words = audit.verdict({"dependencies": [one("a"), one("b", FLAW)]})
    assert status == 1
    assert "b 2.0: PYSEC-1, fixed in 2.1" in words
    assert "2 of 2" in words


def test_without_a_database_nothing_is_reported_as_safe() -> None:
    unseen = {"name": "a", "skip_reason": "not found"}
    assert audit.verdict({"dependencies": [unseen, one("b")]}) == (
        0,
        "1 of 2 pinned dependencies looked up, 0 vulnerable",
    )
    status, words = audit.verdict({"dependencies": [unseen]})
    assert status == 0
    assert words.startswith("not audited")


@pytest.mark.promise("Hostile input", "every dependency is pinned to a version and its hashes")
def test_every_dependency_is_pinned_with_its_hash(tally) -> None:
    entries = re.split(r"\n(?=\S)", LOCK.read_text().strip())
    for entry in entries:
        pinned = re.match(r"[\w.\-\[\]]+==[\w.!+]+", entry) and "--hash=sha256:" in entry
        tally.case(bool(pinned), entry.splitlines()[0])
