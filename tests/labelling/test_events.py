from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from rfcx_audio.labelling import FOUND_COLUMNS, Events, FrameScores, event_rows
from rfcx_audio.scores import Scores


def table(name: str, starts_s: np.ndarray, clip: np.ndarray) -> Scores:
    """Scores of 2 s windows."""
    return Scores.of_windows(name, starts_s, 2.0, clip)


def one_window(frames: list[float], clip: float = 0.9) -> tuple[Scores, dict]:
    """A recording of one window, with frames of 0.5 s of one species."""
    starts = np.zeros(1)
    scores = np.array(frames)[None, :, None]
    return table("a", starts, np.array([[clip]])), {"a": FrameScores(starts, 0.5, scores)}


def spans(rows: pd.DataFrame) -> list[tuple[float, float]]:
    return list(zip(rows["t_min"], rows["t_max"], strict=True))


def test_runs_of_frames_become_rows() -> None:
    scores, frames = one_window([0.1, 0.8, 0.7, 0.1, 0.1, 0.1, 0.9, 0.6])
    rows = event_rows(scores, frames, merge_gap_s=0.0)
    assert list(rows) == list(FOUND_COLUMNS)
    assert spans(rows) == [(0.5, 1.5), (3.0, 4.0)]
    assert rows["score"].to_list() == [0.8, 0.9]


def test_short_gaps_are_closed_and_short_events_dropped() -> None:
    scores, frames = one_window([0.9, 0.1, 0.9, 0.9, 0.1, 0.1, 0.1, 0.9])
    assert spans(event_rows(scores, frames, merge_gap_s=0.5)) == [(0.0, 2.0), (3.5, 4.0)]
    assert spans(event_rows(scores, frames, merge_gap_s=0.4)) == [(0, 0.5), (1, 2), (3.5, 4)]
    long = event_rows(scores, frames, merge_gap_s=0.0, min_duration_s=1.0)
    assert spans(long) == [(1.0, 2.0)]


def test_frames_count_only_where_the_clip_score_agrees() -> None:
    for clip, count in ((0.4, 0), (0.6, 1)):
        scores, frames = one_window([0.9, 0.9], clip)
        assert len(event_rows(scores, frames, threshold_clip=0.5)) == count


def test_species_and_recordings_keep_to_themselves() -> None:
    rng = np.random.default_rng(1)
    starts = np.arange(4.0)
    parts, frames = [], {}
    for name in ("a", "b"):
        parts.append(table(name, starts, rng.random((4, 3))))
        frames[name] = FrameScores(starts, 0.25, rng.random((4, 8, 3)))
    together = event_rows(Scores.concatenate(parts), frames, min_duration_s=0.0)
    alone = []
    for part, name in zip(parts, frames, strict=True):
        for species in range(3):
            column = Scores(part.keys, part.values[:, [species]], ("s0",))
            of_one = frames[name]._replace(scores=frames[name].scores[..., [species]])
            rows = event_rows(column, {name: of_one}, min_duration_s=0.0)
            alone.append(rows.assign(species_id=species))
    key = ["recording_id", "t_min", "species_id"]
    expected = pd.concat(alone).sort_values(key, ignore_index=True)
    assert len(expected) > 6
    pd.testing.assert_frame_equal(together, expected, check_dtype=False)


def test_low_scores_give_no_rows() -> None:
    rows = Events()(*one_window([0.1, 0.2]))
    assert rows.empty
    assert list(rows) == list(FOUND_COLUMNS)


def test_the_settings_reach_the_rows() -> None:
    scores, frames = one_window([0.9, 0.1, 0.9, 0.3, 0.3, 0.3, 0.3, 0.9])
    settings = (0.2, 0.25, 1.0, 0.4, 0.3)
    rows = Events(*settings)(scores, frames)
    pd.testing.assert_frame_equal(rows, event_rows(scores, frames, *settings))
    assert spans(rows) == [(0.0, 4.0)]
    assert rows["weight"].to_list() == [0.3]


def test_scores_of_other_windows_are_refused() -> None:
    scores, frames = one_window([0.9])
    with pytest.raises(ValueError, match=r"'a' has 2 windows .* 1 with frame scores"):
        event_rows(Scores.concatenate([scores, scores]), frames)
    with pytest.raises(ValueError, match="0 with frame scores"):
        event_rows(scores, {})


@pytest.mark.parametrize(
    "wrong", [{"threshold_clip": 1.0}, {"threshold_frame": -0.1}, {"merge_gap_s": -1.0}]
)
def test_settings_out_of_range_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match=r"expected|negative"):
        Events(**wrong)
