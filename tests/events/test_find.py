from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from rfcx_audio.data import FrameScores
from rfcx_audio.events import (
    EVENT_COLUMNS,
    describe_events,
    find_events,
    hysteresis,
    located,
    window_cells,
)
from rfcx_audio.scores import Scores


def by_hand(scores: list[float], high: float, low: float) -> list[bool]:
    """Grows from each cell above `high` in both directions while above `low`."""
    active = [False] * len(scores)
    for start, score in enumerate(scores):
        if score <= high:
            continue
        for step in (-1, 1):
            cell = start
            while 0 <= cell < len(scores) and scores[cell] > low:
                active[cell] = True
                cell += step
    return active


@pytest.mark.parametrize(("high", "low"), [(0.9, 0.3), (0.7, 0.7), (0.99, 0.1), (0.5, 0.0)])
def test_hysteresis_is_that_of_a_loop(high: float, low: float) -> None:
    scores = np.random.default_rng(0).random((400, 4)).round(2)
    active = hysteresis(scores, high, low)
    for species in range(4):
        assert active[:, species].tolist() == by_hand(scores[:, species].tolist(), high, low)


def test_each_species_may_have_its_own_thresholds() -> None:
    scores = np.random.default_rng(1).random((50, 2))
    high, low = np.array([0.9, 0.6]), np.array([0.5, 0.2])
    together = hysteresis(scores, high, low)
    for species in range(2):
        alone = hysteresis(scores[:, [species]], high[species], low[species])
        assert (together[:, [species]] == alone).all()


def test_cells_hold_the_highest_score_of_the_windows_over_them() -> None:
    rng = np.random.default_rng(2)
    begin = np.array([0.0, 1.5, 3.0, 3.7, 9.0])  # a gap, and a last one flush with the end
    scores = rng.random((5, 3))
    edges, cells = window_cells(begin, begin + 3.0, scores)
    assert edges.tolist() == [0, 1.5, 3, 3.7, 4.5, 6, 6.7, 9, 12]
    for cell, middle in enumerate((edges[1:] + edges[:-1]) / 2):
        over = (begin < middle) & (begin + 3.0 > middle)
        assert cells[cell].tolist() == scores[over].max(0, initial=0.0).tolist()


def test_windows_become_events_with_their_highest_score() -> None:
    clip = np.array([[0.1], [0.6], [0.4], [0.1], [0.4], [0.9]])
    scores = Scores.of_windows("a", np.arange(6.0), 1.0, clip)
    events = find_events(scores, {}, merge_gap_s=0.0)
    assert events[["t_min", "t_max", "score"]].to_numpy().tolist() == [
        [1, 3, pytest.approx(0.6)],
        [4, 6, pytest.approx(0.9)],
    ]
    assert len(find_events(scores, {}, merge_gap_s=1.0)) == 1
    assert len(find_events(scores, {}, merge_gap_s=0.0, min_duration_s=2.1)) == 0


def test_frames_take_precedence_over_windows() -> None:
    clip = np.array([[0.9]])
    scores = Scores.concatenate(
        [Scores.of_windows(name, np.zeros(1), 2.0, clip) for name in ("a", "b")]
    )
    frames = {"b": FrameScores(np.zeros(1), 0.5, np.array([0.1, 0.4, 0.7, 0.1])[None, :, None])}
    events = find_events(scores, frames)
    assert events["recording_id"].to_list() == ["a", "b"]
    assert events[["t_min", "t_max"]].to_numpy().tolist() == [[0.0, 2.0], [0.5, 1.5]]


def test_events_get_the_band_and_name_of_their_species() -> None:
    scores = Scores.of_windows("a", np.zeros(1), 2.0, np.array([[0.9, 0.8]]))
    rows = pd.DataFrame({"species_id": [1], "songtype_id": [4], "f_min": 500.0, "f_max": 900.0})
    events = describe_events(find_events(scores, {}), rows, {1: "Owl"}, f_max=8000.0)
    assert list(events) == list(EVENT_COLUMNS)
    assert events.to_numpy().tolist() == [
        ["a", "s0", 0, 1, 0.0, 2.0, 0.0, 8000.0, pytest.approx(0.9)],
        ["a", "Owl", 1, 4, 0.0, 2.0, 500.0, 900.0, pytest.approx(0.8)],
    ]


def test_silence_gives_no_events() -> None:
    silent = Scores.of_windows("a", np.zeros(1), 2.0, np.zeros((1, 2)))
    rows = pd.DataFrame({"species_id": [1], "songtype_id": [4], "f_min": 500.0, "f_max": 900.0})
    for scores in (silent, silent.rows(np.arange(0))):
        events = describe_events(find_events(scores, {}), rows, {}, f_max=8000.0)
        assert events.empty
        assert list(events) == list(EVENT_COLUMNS)


@pytest.mark.parametrize(
    "wrong", [{"high": 0.2}, {"high": 1.0}, {"low": -0.1}, {"merge_gap_s": -1.0}]
)
def test_settings_out_of_range_are_refused(wrong: dict) -> None:
    scores = Scores.of_windows("a", np.zeros(1), 2.0, np.zeros((1, 2)))
    with pytest.raises(ValueError, match=r"expected|negative"):
        find_events(scores, {}, **wrong)


def test_a_threshold_for_windows_holds_for_frames() -> None:
    rng = np.random.default_rng(3)
    windows = rng.random((5, 2))
    frames = FrameScores(1.5 * np.arange(5), 0.5, rng.random((5, 6, 2)))
    whole = located(windows, frames)
    np.testing.assert_allclose(whole.max(0), windows.max(0))
    by_hand = np.zeros((18, 2))
    for window in range(5):
        for frame in range(6):
            share = frames.scores[window, frame] / frames.scores[window].max(0)
            cell = by_hand[3 * window + frame]
            np.maximum(cell, windows[window] * share, out=cell)
    np.testing.assert_allclose(whole, by_hand)
    silent = FrameScores(np.zeros(1), 0.5, np.zeros((1, 6, 2)))
    assert not located(np.array([[0.5, 0.5]]), silent).any()


def test_events_begin_at_the_threshold_of_their_species() -> None:
    clip = np.array([[0.4, 0.4], [0.2, 0.2], [0.6, 0.6]])
    scores = Scores.of_windows("a", np.arange(3.0), 1.0, clip)
    high = np.array([0.5, 0.3])
    events = find_events(scores, {}, high, 0.6 * high, merge_gap_s=0.0)
    assert events[["species_id", "t_min", "t_max"]].to_numpy().tolist() == [
        [1, 0, 3],  # 0.2 is above 0.6 of 0.3
        [0, 2, 3],
    ]
