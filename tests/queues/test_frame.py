from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from queued import frame, infos_of, scores_of
from rfcx_audio.data import RecordingInfo
from rfcx_audio.queues import (
    QueueError,
    fingerprint_of_recordings,
    frame_of_detections,
    frame_of_scores,
    read_detections,
)
from rfcx_audio.queues.frame import best_of_each_call, spaced


def test_every_species_of_every_window_is_a_candidate() -> None:
    scores = scores_of(3)
    table = frame_of_scores(scores, infos_of(scores)).table
    assert len(table) == 90
    wide = table.pivot_table("score", ["recording_id", "t_min"], "species", observed=True)
    np.testing.assert_allclose(wide[["owl", "wren", "frog"]].to_numpy(), scores.values)
    assert set(table.loc[table["species"] == "owl", "f_max"]) == {900.0}
    assert table.loc[table["species"] == "wren", "f_max"].isna().all()
    assert table.groupby("window")["t_min"].nunique().eq(1).all()


def test_windows_end_with_their_recording() -> None:
    scores = scores_of(1)
    table = frame_of_scores(scores, {"night_0000": RecordingInfo(duration_s=24.5)}).table
    assert table["t_max"].max() == 24.5
    assert table["t_min"].max() == 24.0  # one at 27 s would have no sound


def test_windows_are_thinned_out_by_time_alone() -> None:
    assert set(frame(4, None).table["t_min"]) == {0.0, 6.0, 12.0, 18.0, 24.0}
    assert set(frame(4, 9.0).table["t_min"]) == {0.0, 9.0, 18.0, 27.0}
    assert set(frame(4, 0.0).table["t_min"]) == {3.0 * n for n in range(10)}
    with pytest.raises(QueueError, match="expected 0 s or more"):
        frame(4, -1.0)


def test_spacing_is_that_of_a_plain_loop() -> None:
    rng = np.random.default_rng(3)
    keys = pd.DataFrame(
        {"recording_id": rng.choice(list("abc"), 200), "t_min": rng.random(200) * 99}
    )
    keys["t_max"] = keys["t_min"] + 1
    expected = []
    for name in "abc":
        last = -np.inf
        for row, start in keys.loc[keys["recording_id"] == name, "t_min"].sort_values().items():
            if start >= last + 4.0:
                expected.append(row)
                last = start
    assert spaced(keys, 4.0).tolist() == sorted(expected)


def detections(*rows: tuple[str, str, float, float, float]) -> pd.DataFrame:
    names = ["recording_id", "species", "t_min", "t_max", "score"]
    return pd.DataFrame(list(rows), columns=pd.Index(names))


def test_detections_of_one_call_are_one_candidate() -> None:
    table = detections(
        ("b", "owl", 0.0, 2.0, 0.5),
        ("b", "owl", 1.0, 9.0, 0.6),  # reaches over the next
        ("b", "owl", 3.0, 4.0, 0.9),
        ("b", "owl", 9.0, 10.0, 0.1),  # only touches
        ("b", "wren", 1.0, 2.0, 0.2),
        ("a", "owl", 1.0, 2.0, 0.3),
    )
    assert best_of_each_call(table).tolist() == [2, 3, 4, 5]
    found = frame_of_detections(table, {})
    assert found.table["score"].to_list() == [0.9, 0.1, 0.2, 0.3]
    assert (found.kind, found.species) == ("detections", ("owl", "wren"))
    near = frame_of_detections(table, {}, spacing_s=6.5).table
    assert near["t_min"].to_list() == [3.0, 1.0, 1.0]


def test_what_cannot_be_a_frame_is_refused(tmp_path: Path) -> None:
    scores = scores_of(2)
    with pytest.raises(QueueError, match="these are of whole recordings"):
        frame_of_scores(scores.pool("max"), {})
    with pytest.raises(QueueError, match=r"lacks the column\(s\) species"):
        frame_of_detections(pd.DataFrame({"recording_id": [], "t_min": [], "t_max": []}), {})
    with pytest.raises(QueueError, match="detection 2 does not end"):
        frame_of_detections(detections(("a", "owl", 0, 1, 1), ("a", "owl", 1, 1, 1)), {})
    with pytest.raises(QueueError, match="does not exist"):
        read_detections(tmp_path / "none.csv")
    with pytest.raises(QueueError, match="species 'gull' of the queue"):
        frame(2).of_species(["gull"])


def test_names_that_look_like_nothing_stay_names(tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text("recording_id,species,t_min,t_max,score\n007,NA,0,1,\n")
    (row,) = read_detections(tmp_path / "events.csv").to_dict("records")
    assert (row["recording_id"], row["species"]) == ("007", "NA")
    assert np.isnan(row["score"])


def test_the_fingerprint_is_of_times_and_not_of_scores() -> None:
    assert frame(5).fingerprint == frame(5, seed=9).fingerprint != frame(6).fingerprint


def test_the_fingerprint_of_recordings_is_of_their_names_alone() -> None:
    whole = frame(4)
    assert whole.recordings == frame(4, None).of_species(["owl"]).recordings
    names = [f"night_{n:04d}" for n in (2, 0, 3, 1)]
    assert whole.recordings == fingerprint_of_recordings(names)
    assert whole.recordings != frame(5).recordings
