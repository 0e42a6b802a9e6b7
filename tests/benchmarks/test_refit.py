from __future__ import annotations

import pytest

from benchmarks import refit


@pytest.mark.slow
def test_a_refit_is_timed_beside_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refit, "_RECORDINGS", 12)
    monkeypatch.setattr(refit, "_WIDTH", 8)
    monkeypatch.setattr(refit, "_SPECIES", 3)
    (row,) = refit.refit_rows(1)
    assert (row.ours, row.other) == ("train", "scikit-learn")
    assert all(min(pair) > 0 for pair in row.values)
