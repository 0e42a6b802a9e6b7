from __future__ import annotations

import pytest

from benchmarks import refit


@pytest.mark.slow
def test_a_refit_is_timed_beside_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refit, "_RECORDINGS", 12)
    monkeypatch.setattr(refit, "_WIDTH", 8)
    monkeypatch.setattr(refit, "_SPECIES", 3)
    rows = list(refit.refit_rows(1))
    assert [row.other for row in rows] == ["scikit-learn", "a limit of ten seconds"]
    assert all(min(pair) > 0 for row in rows for pair in row.values)
