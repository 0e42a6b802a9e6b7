"""Pseudo-labels, method 2: events that a sound event detector places in time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from rfcx_audio.data import FrameScores, spans, stitch
from rfcx_audio.labelling.found import FOUND_COLUMNS, in_order
from rfcx_audio.scores import Scores


def event_rows(
    scores: Scores,
    frames: Mapping[str, FrameScores],
    threshold_clip: float = 0.5,
    threshold_frame: float = 0.5,
    merge_gap_s: float = 0.5,
    min_duration_s: float = 0.2,
    weight: float = 0.5,
) -> pd.DataFrame:
    """One row for each run of frames that clip and frame scores agree on.

    A frame belongs to a species' event where some window that holds it has a clip score above
    `threshold_clip`, and the mean of its frame scores over those windows is above
    `threshold_frame`.

    Args:
        scores: of windows, in [0, 1].
        frames: by recording, of the same windows in the same order.
        threshold_clip: in [0, 1).
        threshold_frame: in [0, 1).
        merge_gap_s: events of a species that are no farther apart become one.
        min_duration_s: shorter ones are dropped, after that.
        weight: of every row, in (0, 1].

    Returns:
        The columns of `FOUND_COLUMNS`, by recording, time and species; `score` is the highest
        frame score of the event.

    Raises:
        ValueError: scores and frames are not of the same windows.

    Source: the deck's second method, which it leaves unfinished; gaps, shortest duration and the
    stitching of windows are this library's.
    """
    found = [pd.DataFrame(columns=list(FOUND_COLUMNS))]
    for name, places in scores.places.items():
        of_frames = frames.get(name)
        num_windows = 0 if of_frames is None else len(of_frames.starts_s)
        if of_frames is None or num_windows != len(places):
            raise ValueError(
                f"recording {name!r} has {len(places)} windows with clip scores and {num_windows} "
                "with frame scores; make both with one detector"
            )
        clip = scores.values[places][:, None].repeat(of_frames.scores.shape[1], axis=1)
        probability = stitch(of_frames)  # (frames, species)
        active = stitch(of_frames._replace(scores=clip), "max") > threshold_clip
        active &= probability > threshold_frame
        events = spans(active, probability, of_frames.edges_s, merge_gap_s, min_duration_s)
        found.append(events.assign(recording_id=name, present=True, weight=weight))
    return in_order(pd.concat(found[1:] or found))


@dataclass(frozen=True)
class Events:
    """`event_rows` with its settings.

    Attributes:
        threshold_clip: of a window's score.
        threshold_frame: of a frame's score.
        merge_gap_s: events no farther apart become one.
        min_duration_s: shorter events are dropped.
        weight: of a row.
    """

    threshold_clip: float = 0.5
    threshold_frame: float = 0.5
    merge_gap_s: float = 0.5
    min_duration_s: float = 0.2
    weight: float = 0.5

    needs_frames: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Raises ValueError where a setting is out of range."""
        thresholds = (self.threshold_clip, self.threshold_frame)
        if not all(0 <= value < 1 for value in thresholds) or not 0 < self.weight <= 1:
            raise ValueError(
                "expected threshold_clip and threshold_frame in [0, 1[ and weight in ]0, 1], got "
                f"{thresholds} and {self.weight}"
            )
        if self.merge_gap_s < 0 or self.min_duration_s < 0:
            raise ValueError(
                f"merge_gap_s = {self.merge_gap_s} and min_duration_s = {self.min_duration_s}: "
                "neither can be negative"
            )

    def __call__(self, scores: Scores, frames: Mapping[str, FrameScores]) -> pd.DataFrame:
        """The rows that clip scores and frame scores give."""
        return event_rows(
            scores,
            frames,
            self.threshold_clip,
            self.threshold_frame,
            self.merge_gap_s,
            self.min_duration_s,
            self.weight,
        )
