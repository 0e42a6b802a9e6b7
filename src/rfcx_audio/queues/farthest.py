"""Most informative and farthest first: uncertain windows that sound unlike each other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rfcx_audio.data import FeatureStore
from rfcx_audio.queues.design import Design, Drawn
from rfcx_audio.queues.earlier import Earlier
from rfcx_audio.queues.frame import Frame, QueueError
from rfcx_audio.queues.ranked import Apart, chosen_clips, most_uncertain


@dataclass(frozen=True)
class Farthest(Design):
    """Of the most uncertain windows, each time the one that is farthest from those before.

    The candidates are the windows with the highest binary entropy of a species, `pool` times as
    many as clips are wanted. The first clip is the most uncertain one; each further one is the
    candidate whose features are farthest, by the cosine, from the nearest of all that were taken or
    answered before. A window gives one clip, of its most uncertain species.

    Attributes:
        features: the folder of a store that `rfcx-audio embed` wrote of the same recordings.
        pool: candidates for each clip.

    Source: arXiv:2505.20956.
    """

    features: str | None = None
    pool: int = 10

    def draw(self, frame: Frame, earlier: Earlier) -> Drawn:
        """See `Design.draw`."""
        if self.features is None:
            raise QueueError(
                "queue=farthest needs features: queue.features=… is the folder of a store that "
                "rfcx-audio embed recordings=… wrote of the same recordings"
            )
        if self.pool < 1:
            raise QueueError(f"queue.pool = {self.pool}; expected 1 or more")
        store = FeatureStore.open(Path(self.features))
        rows, value = most_uncertain(frame, ~earlier.overlaps, 1)
        rows = rows[np.argsort(-value, kind="stable")][: self.pool * self.number]
        if not len(rows):
            return chosen_clips(frame, [])
        features = features_of(frame, rows, store)
        answered = np.flatnonzero(earlier.clip >= 0)
        before = features_of(frame, answered, store)
        nearest = (features @ before.T).max(1) if len(before) else np.full(len(rows), -np.inf)
        apart, places = Apart(frame, self.min_spacing_s), []
        row = int(nearest.argmin())  # the most uncertain one where nothing was answered
        while len(places) < self.number and np.isfinite(nearest[row]) | (len(places) == 0):
            if apart.take(int(rows[row])):
                places.append(int(rows[row]))
                nearest = np.maximum(nearest, features @ features[row])
            nearest[row] = np.inf
            row = int(nearest.argmin())
        return chosen_clips(frame, places)


def features_of(frame: Frame, rows: np.ndarray, store: FeatureStore) -> np.ndarray:
    """The mean features of some candidates, with a length of 1.

    Those of the store's windows whose middle lies in the candidate count, or else the nearest.

    Args:
        frame: of candidates.
        rows: their places.
        store: of features.

    Raises:
        StoreError: it lacks a recording.
    """
    table = frame.table.iloc[rows]
    found = np.empty((len(rows), store.features.shape[1]), np.float32)
    half = float(store.settings["window_s"]) / 2
    columns = (table["recording_id"].astype(str), table["t_min"], table["t_max"])
    for place, (name, t_min, t_max) in enumerate(zip(*columns, strict=True)):
        starts, features = store.of(name)
        middles = starts + half
        inside = (middles >= t_min) & (middles < t_max)
        inside[np.abs(middles - (t_min + t_max) / 2).argmin()] = True
        found[place] = features[inside].mean(0)
    return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)
