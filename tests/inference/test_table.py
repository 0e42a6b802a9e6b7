from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rfcx_audio.inference import (
    pool_table,
    read_scores,
    score_table,
    species_columns,
    submission,
    write_scores,
)


def two_recordings() -> pd.DataFrame:
    scores = np.array([[0.1, 0.8], [0.6, 0.2]])
    return pd.concat(
        [
            score_table("b", np.array([0.0, 3.0]), 6.0, scores),
            score_table("a", np.array([0.0, 3.0]), 6.0, scores[::-1] / 2),
        ],
        ignore_index=True,
    )


def test_a_table_has_one_row_a_window() -> None:
    table = two_recordings()
    assert list(table) == ["recording_id", "t_min", "t_max", "s0", "s1"]
    assert table["t_max"].to_list() == [6.0, 9.0, 6.0, 9.0]


def test_scores_and_metadata_survive_the_file(tmp_path: Path) -> None:
    write_scores(two_recordings(), tmp_path / "s.parquet", {"pool": "max", "overlap": 0.5})
    table, metadata = read_scores(tmp_path / "s.parquet")
    pd.testing.assert_frame_equal(table, two_recordings())
    assert metadata == {"pool": "max", "overlap": 0.5}


def test_a_file_that_is_no_table_of_scores_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_bytes(b"nonsense")
    with pytest.raises(ValueError, match="no table of scores"):
        read_scores(tmp_path / "x.parquet")
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "y.parquet")
    with pytest.raises(ValueError, match="lacks the columns"):
        read_scores(tmp_path / "y.parquet")


def test_pooling_keeps_the_order_of_recordings() -> None:
    pooled = pool_table(two_recordings(), "max")
    assert pooled["recording_id"].to_list() == ["b", "a"]
    assert pooled[["s0", "s1"]].to_numpy().tolist() == [[0.6, 0.8], [0.3, 0.4]]


def test_a_submission_follows_its_sample_and_names_what_is_lacking(tmp_path: Path) -> None:
    sample = tmp_path / "sample.csv"
    pd.DataFrame({"recording_id": ["a", "c", "b"], "s0": 0.5, "s1": 0.5}).to_csv(
        sample, index=False
    )
    submitted, lacking = submission(pool_table(two_recordings(), "max"), sample)
    assert submitted["recording_id"].to_list() == ["a", "c", "b"]
    assert submitted["s1"].to_list() == [0.4, 0.0, 0.8]
    assert lacking == ["c"]
    as_it_is, none = submission(pool_table(two_recordings(), "max"), None)
    assert as_it_is["recording_id"].to_list() == ["b", "a"]
    assert none == []


def test_a_sample_of_other_species_is_refused(tmp_path: Path) -> None:
    sample = tmp_path / "sample.csv"
    pd.DataFrame({"recording_id": ["a"], "s0": 0.5}).to_csv(sample, index=False)
    with pytest.raises(ValueError, match="has the columns"):
        submission(pool_table(two_recordings(), "max"), sample)


def test_columns_are_named_as_in_the_competition() -> None:
    assert species_columns(3) == ["s0", "s1", "s2"]
