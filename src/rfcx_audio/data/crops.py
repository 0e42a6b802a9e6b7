"""Where to cut: crops around an annotation, crops of background, windows in a row."""

from __future__ import annotations

import numpy as np


def crop_start(
    t_min: float, t_max: float, duration_s: float, recording_s: float, rng: np.random.Generator
) -> float:
    """A random start (s) for a crop that holds the annotation, or lies in it where that is longer.

    Args:
        t_min: of the annotation, s.
        t_max: of the annotation, s.
        duration_s: of the crop.
        recording_s: of the recording; a crop longer than it starts at 0.
        rng: drawn from once.
    """
    earliest, latest = sorted((t_max - duration_s, t_min))
    return _inside(rng.uniform(earliest, latest), duration_s, recording_s)


def crop_starts(
    t_min: float, t_max: float, duration_s: float, recording_s: float
) -> tuple[float, float]:
    """The earliest and the latest start (s) that `crop_start` draws; see there."""
    earliest, latest = sorted((t_max - duration_s, t_min))
    return _inside(earliest, duration_s, recording_s), _inside(latest, duration_s, recording_s)


def background_start(
    spans: np.ndarray, duration_s: float, recording_s: float, rng: np.random.Generator
) -> float | None:
    """A random start (s) for a crop that no annotation touches; None where there is no room.

    Args:
        spans: (rows, 2) start and end of each annotation, s.
        duration_s: of the crop.
        recording_s: of the recording.
        rng: drawn from at most twice.
    """
    if recording_s < duration_s:
        return None
    # A start is forbidden from duration_s before an annotation to its end.
    gaps, free_from = [], 0.0
    for t_min, t_max in sorted(map(tuple, spans)):
        if t_min - duration_s >= free_from:
            gaps.append((free_from, t_min - duration_s))
        free_from = max(free_from, t_max)
    if recording_s - duration_s >= free_from:
        gaps.append((free_from, recording_s - duration_s))
    if not gaps:
        return None
    widths = np.array([high - low for low, high in gaps])
    shares = widths / widths.sum() if widths.sum() > 0 else np.full(len(gaps), 1 / len(gaps))
    low, high = gaps[rng.choice(len(gaps), p=shares)]
    return float(rng.uniform(low, high))


def window_starts(total: int, window: int, hop: int) -> list[int]:
    """Starts of windows that cover everything: 0, hop, 2 hop, …, and a last one flush with the end.

    Args:
        total: length to cover, at least `window`, in any unit.
        window: length of a window.
        hop: distance between windows, from 1 to `window`.

    Raises:
        ValueError: a length is out of range.
    """
    if not 1 <= hop <= window <= total:
        raise ValueError(f"expected 1 <= hop <= window <= total, got {hop}, {window}, {total}")
    starts = list(range(0, total - window + 1, hop))
    return starts if starts[-1] == total - window else [*starts, total - window]


def _inside(start: float, duration_s: float, recording_s: float) -> float:
    """The start (s) of a crop that is moved into its recording, where it fits there."""
    return float(np.clip(start, 0.0, max(0.0, recording_s - duration_s)))
