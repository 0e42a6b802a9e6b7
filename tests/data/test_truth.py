from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from rfcx_audio.data import AnnotationError, read_rfcx
from rfcx_audio.data.truth import read_truth


def test_truth_has_the_columns_of_rows_and_keeps_the_others(forest: Path) -> None:
    truth = read_truth(forest / "truth.csv", 24)
    assert set(read_rfcx(forest, 24)) <= set(truth)
    assert set(truth["split"]) == {"train", "test"}
    assert truth["present"].all()
    written = pd.read_csv(forest / "truth.csv")
    pd.testing.assert_series_equal(truth["t_min"], written["t_min"])
    assert truth["line"].to_list() == [*range(2, len(written) + 2)]


def test_names_of_recordings_are_text_and_na_is_one(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("recording_id,species_id\nNA,1\n\nnull,0\n007,1\n")
    truth = read_truth(tmp_path / "t.csv", 2)
    assert truth["recording_id"].to_list() == ["NA", "null", "007"]
    assert truth["line"].to_list() == [2, 4, 5]
    assert truth[["t_min", "f_max"]].isna().to_numpy().all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("recording_id\na\n", r"lacks the column\(s\) species_id; it has recording_id"),
        ("recording_id,species_id\na,2\n", r"t.csv line 2: species_id 2 lies outside 0 to 1"),
        ("recording_id,species_id\na,x\n", r"line 2: species_id = 'x' is no finite number"),
        ("recording_id,species_id,t_min,t_max\na,1,3,2\n", r"t_max = 2 is not above t_min = 3"),
    ],
)
def test_what_breaks_a_rule_is_named_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(AnnotationError, match=message):
        read_truth(tmp_path / "t.csv", 2)
