from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from rfcx_audio.data import EVERYWHERE, Annotations
from rfcx_audio.scores import Scores, species_columns


def two_recordings() -> Scores:
    values = np.array([[0.1, 0.8], [0.6, 0.2]])
    return Scores.concatenate(
        [
            Scores.of_windows("NA", [0.0, 3.0], 6.0, values, {"pool": "max"}),
            Scores.of_windows("a", [0.0, 3.0], 6.0, values[::-1] / 2),
        ]
    )


def rows(*calls: tuple[str, int, bool, float, float]) -> pd.DataFrame:
    columns = pd.Index(["recording_id", "species_id", "present", "t_min", "t_max"])
    return pd.DataFrame(calls, columns=columns).assign(
        weight=1.0, songtype_id=1, f_min=100.0, f_max=200.0, source="x.csv"
    )


def test_a_frame_has_a_row_a_window_and_a_column_a_species() -> None:
    frame = two_recordings().frame()
    assert list(frame) == ["recording_id", "t_min", "t_max", "s0", "s1"]
    assert frame["recording_id"].to_list() == ["NA", "NA", "a", "a"]
    assert frame["t_max"].to_list() == [6.0, 9.0, 6.0, 9.0]
    np.testing.assert_allclose(frame["s1"], [0.8, 0.2, 0.1, 0.4], rtol=1e-6)
    again = Scores.from_frame(frame[["s1", "t_max", "s0", "recording_id", "t_min"]])
    pd.testing.assert_frame_equal(again.frame(), frame)


def test_scores_and_metadata_survive_the_file(tmp_path: Path) -> None:
    scores = two_recordings()
    scores.write(tmp_path / "deep" / "s.parquet")
    again = Scores.read(tmp_path / "deep" / "s.parquet")
    pd.testing.assert_frame_equal(again.frame(), scores.frame())
    assert again.metadata == {"pool": "max"}
    assert again.species == ("s0", "s1")
    assert list((tmp_path / "deep").iterdir()) == [tmp_path / "deep" / "s.parquet"]
    scores.pool().write(tmp_path / "r.parquet")
    assert Scores.read(tmp_path / "r.parquet").is_pooled


def test_a_table_of_earlier_versions_is_read(tmp_path: Path) -> None:
    table = pd.DataFrame({"recording_id": ["b"], "t_min": [0.0], "t_max": [6.0], "s0": [0.25]})
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    metadata = {**(arrow.schema.metadata or {}), b"rfcx_audio": b'{"overlap": 0.5}'}
    pq.write_table(arrow.replace_schema_metadata(metadata), tmp_path / "old.parquet")
    scores = Scores.read(tmp_path / "old.parquet")
    assert scores.values.tolist() == [[0.25]]
    assert scores.metadata == {"overlap": 0.5}


def test_a_file_that_is_no_table_of_scores_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_bytes(b"nonsense")
    with pytest.raises(ValueError, match="no table of scores"):
        Scores.read(tmp_path / "x.parquet")
    with pytest.raises(ValueError, match=r"gone.parquet is no table of scores"):
        Scores.read(tmp_path / "gone.parquet")
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "y.parquet")
    with pytest.raises(ValueError, match=r"lacks the column\(s\) recording_id"):
        Scores.read(tmp_path / "y.parquet")
    pd.DataFrame({"recording_id": ["a"], "species": ["Owl"]}).to_parquet(tmp_path / "z.parquet")
    with pytest.raises(ValueError, match=r"\['species'\] hold no numbers"):
        Scores.read(tmp_path / "z.parquet")


def test_parts_that_do_not_fit_are_refused() -> None:
    keys = pd.DataFrame({"recording_id": ["a", "b"]})
    with pytest.raises(ValueError, match=r"values are \(1, 2\); expected \(2, 2\)"):
        Scores(keys, np.zeros((1, 2)), ("s0", "s1"))
    with pytest.raises(ValueError, match="keys are"):
        Scores(keys.assign(t_min=0.0), np.zeros((2, 1)), ("s0",))
    other = Scores(keys, np.zeros((2, 1)), ("s0",))
    with pytest.raises(ValueError, match="different species"):
        Scores.concatenate([other, Scores(keys, np.zeros((2, 1)), ("Owl",))])


def test_pooling_equals_a_loop_and_keeps_the_order_of_recordings() -> None:
    rng = np.random.default_rng(0)
    names = rng.choice(list("dcba"), 40)
    keys = pd.DataFrame({"recording_id": names, "t_min": np.arange(40.0), "t_max": 50.0})
    scores = Scores(keys, rng.random((40, 3)), ("s0", "s1", "s2"), {"pool": "top3"})
    order = list(dict.fromkeys(names))
    for how, expected in (
        ("max", lambda part: part.max(0)),
        ("mean", lambda part: part.mean(0)),
        (None, lambda part: np.sort(part, axis=0)[-3:].mean(0)),
    ):
        pooled = scores.pool(how)
        assert pooled.recordings == order
        for name, row in zip(order, pooled.values, strict=True):
            np.testing.assert_allclose(row, expected(scores.values[names == name]), rtol=1e-6)
    assert pooled.metadata == {"pool": "top3"}
    assert Scores.of_windows("x", [], 1.0, np.empty((0, 2))).pool("max").frame().empty


def test_an_empty_table_changes_no_types() -> None:
    nothing = Scores.of_windows("", [], 0.0, np.empty((0, 2)))
    together = Scores.concatenate([nothing, two_recordings()])
    pd.testing.assert_frame_equal(together.frame(), two_recordings().frame())


def test_rows_are_chosen_by_recording() -> None:
    scores = two_recordings()
    assert scores.rows_of(["NA", "gone"]).frame().equals(scores.frame()[:2])
    assert len(scores.rows(np.array([3, 0]))) == 2
    changed = scores.with_values(1 - scores.values, turned=True)
    assert torch.equal(changed.tensor, 1 - scores.tensor)
    assert changed.metadata == {"pool": "max", "turned": True}
    assert scores.metadata == {"pool": "max"}


def test_scores_are_labelled_by_recording_and_time() -> None:
    scores = two_recordings()
    partial = Annotations(rows(("NA", 1, True, 0.5, 1.5), ("a", 0, False, 7.0, 8.0)))
    windows, labels = scores.labelled_by(partial)
    expected = scores.frame().iloc[[0, 3]].reset_index(drop=True)
    pd.testing.assert_frame_equal(windows.frame(), expected)
    assert labels.known.tolist() == [[0, 1], [1, 0]]
    assert labels.target.tolist() == [[0, 1], [0, 0]]
    recordings, labels = scores.pool().labelled_by(partial)
    assert recordings.recordings == ["NA"]  # a refuted window leaves its recording unknown
    assert labels.known.tolist() == [[0, 1]]
    with pytest.raises(ValueError, match="label no scored window: 1 rows, 2 scored recordings"):
        scores.labelled_by(Annotations(rows(("other", 1, True, 0.5, 1.5))))


def test_complete_truth_labels_every_recording() -> None:
    scores, truth = (
        two_recordings(),
        Annotations(rows(("NA", 1, True, 0.5, 1.5)), complete=EVERYWHERE),
    )
    windows, labels = scores.labelled_by(truth)
    assert len(windows) == 4
    assert labels.known.all()
    assert labels.target.nonzero().tolist() == [[0, 1]]
    _, labels = scores.pool().labelled_by(truth)
    assert labels.target.tolist() == [[0, 1], [0, 0]]
    untimed = truth._replace(rows=truth.rows.assign(t_min=np.nan, t_max=np.nan))
    assert torch.equal(scores.pool().labelled_by(untimed)[1].target, labels.target)
    with pytest.raises(ValueError, match=r"x.csv names no times"):
        scores.labelled_by(untimed)


def test_a_submission_follows_its_sample_and_names_what_is_missing(tmp_path: Path) -> None:
    sample = tmp_path / "sample.csv"
    pd.DataFrame({"recording_id": ["a", "c", "NA"], "s0": 0.5, "s1": 0.5}).to_csv(
        sample, index=False
    )
    submitted, missing = two_recordings().submission(sample)
    assert submitted["recording_id"].to_list() == ["a", "c", "NA"]
    np.testing.assert_allclose(submitted["s1"], [0.4, 0.0, 0.8], rtol=1e-6)
    assert missing == ["c"]
    as_it_is, none = two_recordings().submission(None)
    assert as_it_is["recording_id"].to_list() == ["NA", "a"]
    assert none == []


def test_a_sample_of_other_species_is_refused(tmp_path: Path) -> None:
    sample = tmp_path / "sample.csv"
    pd.DataFrame({"recording_id": ["a"], "s0": 0.5}).to_csv(sample, index=False)
    with pytest.raises(ValueError, match="has the columns"):
        two_recordings().submission(sample)


def test_the_repr_is_short_and_exact() -> None:
    assert repr(two_recordings()) == "Scores: 4 windows of 2 recordings, 2 species (s0, s1)"
    many = Scores.of_windows("a", [0.0], 1.0, np.zeros((1, 24)))
    assert repr(many.pool()) == "Scores: 1 recording, 24 species (s0, s1, s2, …)"


def test_columns_are_named_as_in_the_competition() -> None:
    assert species_columns(3) == ["s0", "s1", "s2"]
