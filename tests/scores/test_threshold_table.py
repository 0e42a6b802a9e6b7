from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rfcx_audio.scores import Thresholds

TABLE = (
    "species,threshold,calibrated,reason\nWren,0.25,0.9,\nNA,,,no known absence\nOwl,0.5,0.95,\n"
)


@pytest.fixture
def table(tmp_path: Path) -> str:
    path = tmp_path / "thresholds.csv"
    path.write_text(TABLE)
    return str(path)


def test_thresholds_come_by_name_and_by_kind_of_score(table: str) -> None:
    raw = Thresholds.read(table, ("Owl", "NA", "Wren", "Rail"), calibrated=False)
    np.testing.assert_allclose(raw.score, [0.5, np.nan, 0.25, np.nan], atol=2e-6)
    assert raw.missing == ("NA", "Rail")
    after = Thresholds.read(table, ("Wren",), calibrated=True)
    np.testing.assert_allclose(after.score, [0.9], atol=2e-6)
    assert after.score[0] < 0.9  # a score of this value is above it


def test_other_tables_are_refused(table: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"does not exist; expected thresholds\.csv"):
        Thresholds.read(str(tmp_path / "gone.csv"), ("Wren",), calibrated=False)
    with pytest.raises(ValueError, match=r"has thresholds for Wren, NA, Owl, …, the scores are of"):
        Thresholds.read(table, ("s0", "s1"), calibrated=False)
    (tmp_path / "other.csv").write_text("species,score\nWren,1\n")
    with pytest.raises(ValueError, match=r"lacks the column\(s\) threshold"):
        Thresholds.read(str(tmp_path / "other.csv"), ("Wren",), calibrated=False)
