"""Whole recordings from a store of features, for validation and test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from rfcx_audio.batch import Labels, WindowBatch
from rfcx_audio.data.stored_recordings import StoredCrops


class StoredRecording(NamedTuple):
    """A recording in a store, and what is known of it.

    Attributes:
        recording_id: its name in the tables.
        first: (windows,) int64, place in the store of the first window of each crop.
        starts_s: (windows,) s, of the crops.
        stop: place behind its last window in the store.
        window_labels: (windows, species) twice.
        labels: (species,) twice.
    """

    recording_id: str
    first: np.ndarray
    starts_s: Tensor
    stop: int
    window_labels: Labels
    labels: Labels


class FeatureRecordings(Dataset[WindowBatch]):
    """Batches of whole recordings, each with as many windows as a device takes at once.

    Args:
        recordings: in their order.
        crops: cuts their windows.
        at_once: windows in a batch at most; a recording with more is a batch by itself.
    """

    def __init__(
        self, recordings: Sequence[StoredRecording], crops: StoredCrops, at_once: int
    ) -> None:
        self.crops = crops
        self.groups: list[list[StoredRecording]] = []
        room = 0
        for recording in recordings:
            if len(recording.first) > room:
                self.groups.append([])
                room = at_once
            self.groups[-1].append(recording)
            room -= len(recording.first)

    def __len__(self) -> int:
        return len(self.groups)

    def __getitem__(self, index: int) -> WindowBatch:
        """The windows of a few recordings."""
        group = self.groups[index]
        counts = tuple(len(one.first) for one in group)
        stops = np.repeat([one.stop for one in group], counts)
        windows, whole = (
            zip(*labels, strict=True)
            for labels in ([one.window_labels for one in group], [one.labels for one in group])
        )
        return WindowBatch(
            tuple(one.recording_id for one in group),
            self.crops.cut(np.concatenate([one.first for one in group]), stops),
            torch.cat([one.starts_s for one in group]),
            counts,
            Labels(*map(torch.cat, windows)),
            Labels(*map(torch.stack, whole)),
        )
