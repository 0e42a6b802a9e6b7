"""Scores over time, and the stretches of time that they single out."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

_ROUNDING_S = 1e-6


class FrameScores(NamedTuple):
    """Scores of the frames of one recording's windows.

    Attributes:
        starts_s: (windows,) of the windows, s.
        frame_s: of a frame.
        scores: (windows, frames, species) in [0, 1].
    """

    starts_s: np.ndarray
    frame_s: float
    scores: np.ndarray

    @property
    def first(self) -> np.ndarray:
        """(windows,) number of each window's first frame in the recording."""
        return np.rint(self.starts_s / self.frame_s).astype(int)

    @property
    def edges_s(self) -> np.ndarray:
        """(frames + 1,) where the recording's frames begin and end, s."""
        return np.arange(self.first.max() + self.scores.shape[1] + 1) * self.frame_s


def stitch(frames: FrameScores, how: Literal["mean", "max"] = "mean") -> np.ndarray:
    """The frames of overlapping windows as those of the recording.

    Args:
        frames: of one recording; windows are moved by at most half a frame.
        how: what becomes of frames of several windows.

    Returns:
        (frames, species) from time 0.
    """
    num_frames, num_species = frames.scores.shape[1:]
    place = frames.first[:, None] + np.arange(num_frames)  # (windows, frames)
    whole = np.zeros((place.max() + 1, num_species))
    if how == "max":
        np.maximum.at(whole, place, frames.scores)
        return whole
    np.add.at(whole, place, frames.scores)
    return whole / np.maximum(1, np.bincount(place.ravel()))[:, None]


def spans(
    active: np.ndarray,
    scores: np.ndarray,
    edges_s: np.ndarray,
    merge_gap_s: float,
    min_duration_s: float,
) -> pd.DataFrame:
    """The runs of active cells, each with its highest score.

    Args:
        active: (cells, species) bool.
        scores: (cells, species).
        edges_s: (cells + 1,) where the cells begin and end, s.
        merge_gap_s: runs of a species that are no farther apart become one.
        min_duration_s: shorter ones are dropped, after that.

    Returns:
        `species_id`, `t_min`, `t_max` (s), `score`; by species and time.
    """
    steps = np.diff(np.pad(active.astype(np.int8), ((1, 1), (0, 0))), axis=0).T
    species, first = np.nonzero(steps == 1)
    last = np.nonzero(steps == -1)[1]  # the cell after the run
    begins = np.ones(len(first), dtype=bool)
    gap_s = edges_s[first[1:]] - edges_s[last[:-1]]
    begins[1:] = (species[1:] != species[:-1]) | (gap_s > merge_gap_s + _ROUNDING_S)
    ends = np.append(begins[1:], True)[: len(last)]
    species, first, last = species[begins], first[begins], last[ends]
    long = edges_s[last] - edges_s[first] >= min_duration_s - _ROUNDING_S
    species, first, last = species[long], first[long], last[long]
    best = [scores[a:b, s].max() for a, b, s in zip(first, last, species, strict=True)]
    return pd.DataFrame(
        {
            "species_id": species,
            "t_min": edges_s[first],
            "t_max": edges_s[last],
            "score": np.array(best, dtype=float),
        }
    )


def inside(found: pd.DataFrame, durations_s: dict[str, float]) -> pd.DataFrame:
    """Rows cut at the ends of their recordings: the last window may hold padding.

    Args:
        found: `recording_id`, `t_min`, `t_max` (s) and others.
        durations_s: by recording, of all of them.
    """
    ends = found["recording_id"].map(durations_s).astype(float)
    cut = found.assign(t_max=np.minimum(found["t_max"].astype(float), ends))
    return cut[cut["t_max"] > cut["t_min"]].reset_index(drop=True)
