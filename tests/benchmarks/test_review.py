from __future__ import annotations

import pytest

from benchmarks import review
from benchmarks.timing import Row


@pytest.mark.slow
def test_the_page_is_timed_by_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(review, "_MANY", 30)
    monkeypatch.setattr(review, "_FEW", 20)
    monkeypatch.setattr(review, "_PACE_MS", 100)
    monkeypatch.setattr(review, "_DETECTIONS", 5000)
    rows = list(review.review_rows(1, verdicts=5))
    assert isinstance(rows[0], Row)  # the queue, which needs no browser
    if not isinstance(rows[-1], Row):
        pytest.skip(rows[-1].reason)
    assert [row.unit for row in rows if isinstance(row, Row)] == ["s", *"sss", "MB"]
    assert all(min(pair) > 0 for row in rows if isinstance(row, Row) for pair in row.values)
