from __future__ import annotations

from pathlib import Path

import pytest

from rfcx_audio.scores import (
    CALIBRATED,
    CORRECTED,
    RAW,
    Scores,
    check_raw,
    read_thresholds,
    scale_of,
)


def test_a_table_is_what_was_done_last() -> None:
    assert scale_of({}) == RAW
    assert scale_of({"calibration": {}}) == CALIBRATED
    assert scale_of({"calibration": {}, "prior_correction": {}}) == CORRECTED


def test_the_scale_of_an_ensemble_is_that_of_its_members(tmp_path: Path) -> None:
    path = tmp_path / "thresholds.csv"
    path.write_text("species,threshold,calibrated\ns0,0.1,0.5\n")
    raw = Scores.of_windows("a", [0.0], 1.0, [[0.3]])

    def joined(**made_with: object) -> Scores:
        members = [{"scores": "one.parquet", "made_with": made_with}]
        return raw.with_values(raw.values, members=members)

    assert read_thresholds(str(path), joined()) == [0.1]
    assert read_thresholds(str(path), joined(calibration={})) == [0.5]
    with pytest.raises(ValueError, match="before a correction to a prior"):
        read_thresholds(str(path), joined(prior_correction={}))
    check_raw(joined(), "own")
    with pytest.raises(ValueError, match="own is calibrated already"):
        check_raw(joined(calibration={}), "own")
