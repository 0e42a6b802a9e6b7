from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rfcx_audio.data import background_start, crop_start, window_starts
from rfcx_audio.data.crops import crop_starts

seeds = st.integers(0, 2**32)


@given(st.floats(0, 59), st.floats(0.1, 20), st.floats(1, 12), seeds)
def test_a_crop_holds_its_annotation_or_lies_in_it(
    t_min: float, length: float, duration: float, seed: int
) -> None:
    t_max = min(60.0, t_min + length)
    start = crop_start(t_min, t_max, duration, 60.0, np.random.default_rng(seed))
    assert 0 <= start <= 60 - duration + 1e-9
    inside = min(start + duration, t_max) - max(start, t_min)
    assert inside >= min(t_max - t_min, duration) - 1e-6


def test_the_placement_is_random_over_the_whole_range() -> None:
    rng = np.random.default_rng(0)
    starts = [crop_start(30, 32, 6, 60, rng) for _ in range(2000)]
    assert min(starts) == pytest.approx(26, abs=0.05)
    assert max(starts) == pytest.approx(30, abs=0.05)
    assert np.mean(starts) == pytest.approx(28, abs=0.1)


def test_a_recording_shorter_than_the_crop_starts_at_zero() -> None:
    starts = [crop_start(1, 2, 6, 6.5, np.random.default_rng(seed)) for seed in range(20)]
    assert max(starts) == 0.5
    assert {crop_start(3, 4, 6, 4, np.random.default_rng(seed)) for seed in range(20)} == {0.0}


@given(
    st.lists(st.tuples(st.floats(0, 55), st.floats(0.1, 10)), max_size=8), st.floats(1, 10), seeds
)
def test_background_touches_no_annotation(
    rows: list[tuple[float, float]], duration: float, seed: int
) -> None:
    spans = np.array([(start, start + length) for start, length in rows]).reshape(-1, 2)
    start = background_start(spans, duration, 60.0, np.random.default_rng(seed))
    free = [t for t in np.linspace(0, 60 - duration, 2001) if _free(t, duration, spans)]
    if start is None:
        assert not free
    else:
        assert 0 <= start <= 60 - duration
        assert _free(start + 1e-9, duration - 2e-9, spans)


def test_background_is_drawn_evenly_from_all_that_is_free() -> None:
    spans = np.array([[10.0, 20.0], [24.5, 50.0]])  # free: 0 to 6, and 20 to 20.5 for 4 s of crop
    rng = np.random.default_rng(0)
    starts = np.array([background_start(spans, 4.0, 53.0, rng) for _ in range(2000)])
    assert (starts < 6).mean() == pytest.approx(6 / 6.5, abs=0.02)
    assert np.quantile(starts, [0.0, 0.25, 0.5]) == pytest.approx([0, 1.625, 3.25], abs=0.2)
    narrow = np.array([[4.25, 20.0], [24.75, 53.0]])  # 0 to 0.25, and 20 to 20.75
    starts = np.array([background_start(narrow, 4.0, 53.0, rng) for _ in range(2000)])
    assert (starts < 4).mean() == pytest.approx(0.25, abs=0.04)


def test_background_fits_where_there_is_room_for_one_crop_exactly() -> None:
    rng = np.random.default_rng(0)
    nothing = np.zeros((0, 2))
    assert background_start(nothing, 6.0, 6.0, rng) == 0.0
    assert background_start(nothing, 6.5, 6.0, rng) is None
    two = np.array([[4.0, 6.0], [10.0, 11.0]])  # 0 to 4, 6 to 10, 11 to 15
    starts = [background_start(two, 4.0, 15.0, rng) for _ in range(100)]
    assert set(starts) == {0.0, 6.0, 11.0}
    assert background_start(np.array([[6.0, 8.0]]), 6.0, 8.0, rng) == 0.0


def _free(start: float, duration: float, spans: np.ndarray) -> bool:
    return not any(min(start + duration, b) - max(start, a) > 1e-9 for a, b in spans)


@given(st.integers(1, 500), st.data())
def test_windows_cover_everything_and_the_last_is_flush(total: int, data: st.DataObject) -> None:
    window = data.draw(st.integers(1, total))
    hop = data.draw(st.integers(1, window))
    starts = window_starts(total, window, hop)
    covered = np.zeros(total, dtype=bool)
    for start in starts:
        covered[start : start + window] = True
    assert covered.all()
    assert starts[0] == 0
    assert starts[-1] == total - window
    assert all(b - a == hop for a, b in pairwise(starts[:-1]))
    assert all(0 < b - a <= hop for a, b in pairwise(starts))


@pytest.mark.parametrize(("total", "window", "hop"), [(5, 6, 1), (6, 5, 0), (6, 5, 6)])
def test_lengths_out_of_range_are_refused(total: int, window: int, hop: int) -> None:
    with pytest.raises(ValueError, match="expected 1 <= hop"):
        window_starts(total, window, hop)


@given(st.floats(0, 59), st.floats(0.1, 20), st.floats(1, 12), st.floats(1, 70), seeds)
def test_crops_start_in_the_range_that_is_stated(
    t_min: float, length: float, duration: float, recording: float, seed: int
) -> None:
    earliest, latest = crop_starts(t_min, t_min + length, duration, recording)
    start = crop_start(t_min, t_min + length, duration, recording, np.random.default_rng(seed))
    assert earliest - 1e-9 <= start <= latest + 1e-9


def test_the_range_of_starts_is_no_wider_than_it_must_be() -> None:
    assert crop_starts(30, 32, 6, 60) == (26, 30)
    assert crop_starts(1, 2, 6, 60) == (0, 1)
    assert crop_starts(10, 30, 6, 60) == (10, 24)
    assert crop_starts(58, 60, 6, 60) == (54, 54)
