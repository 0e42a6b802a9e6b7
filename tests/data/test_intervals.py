from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from rfcx_audio.data import FrameScores, inside, spans, stitch


@pytest.mark.parametrize("how", ["mean", "max"])
def test_stitched_frames_are_those_of_the_windows_that_cover_them(how: str) -> None:
    rng = np.random.default_rng(0)
    starts = np.array([0.0, 1.0, 2.0, 2.6])  # the last one is flush with the end
    frames = FrameScores(starts, 0.2, rng.random((4, 10, 3)))
    covering: dict[int, list[np.ndarray]] = {}
    for window, start in enumerate(starts):
        for frame in range(10):
            place = round((start + 0.2 * frame) / 0.2)
            covering.setdefault(place, []).append(frames.scores[window, frame])
    expected = np.array([getattr(np, how)(covering[n], axis=0) for n in range(23)])
    np.testing.assert_allclose(stitch(frames, how), expected)  # type: ignore[arg-type]


def runs_by_hand(
    active: np.ndarray, edges: np.ndarray, gap: float, shortest: float
) -> list[tuple[float, float]]:
    runs: list[tuple[float, float]] = []
    for cell in np.flatnonzero(active):
        begin, end = edges[cell], edges[cell + 1]
        if runs and begin - runs[-1][1] <= gap:
            runs[-1] = (runs[-1][0], end)
        else:
            runs.append((begin, end))
    return [(begin, end) for begin, end in runs if end - begin >= shortest]


@pytest.mark.parametrize(("gap", "shortest"), [(0.0, 0.0), (0.25, 0.5), (1.0, 1.2)])
def test_spans_are_the_runs_of_uneven_cells(gap: float, shortest: float) -> None:
    rng = np.random.default_rng(2)
    # Multiples of 1/8 have no rounding errors.
    edges = np.concatenate([[0], rng.integers(1, 5, 300).cumsum()]) / 8
    scores = rng.random((300, 3))
    active = rng.random((300, 3)) > 0.5
    found = spans(active, scores, edges, gap, shortest)
    expected = []
    for species in range(3):
        for begin, end in runs_by_hand(active[:, species], edges, gap, shortest):
            within = (edges[:-1] >= begin) & (edges[1:] <= end)
            expected.append((species, begin, end, scores[within, species].max()))
    assert len(expected) > 10
    assert list(found.itertuples(index=False, name=None)) == expected


def test_rows_end_with_their_recording() -> None:
    found = pd.DataFrame({"recording_id": ["a", "a", "b"], "t_min": [0.0, 5, 5], "t_max": 7.0})
    cut = inside(found, {"a": 4.0, "b": 6.0})
    assert cut.to_numpy().tolist() == [["a", 0.0, 4.0], ["b", 5.0, 6.0]]
