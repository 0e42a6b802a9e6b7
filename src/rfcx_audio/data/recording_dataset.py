"""Whole recordings: with what is known of them, or files alone."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import torch
from torch import Tensor
from torch.utils.data import Dataset

from rfcx_audio.batch import Failure, Labels, RecordingWaveform, Rows
from rfcx_audio.data.audio import AudioError, AudioReader
from rfcx_audio.data.labels import complete_labels, label_recording, rows_by_recording, rows_of
from rfcx_audio.data.source import Recordings


class RecordingDataset(Dataset[RecordingWaveform]):
    """Whole recordings with what is known of them.

    Args:
        recordings: their audio.
        reader: of the audio.
        rows: what is known of their time windows; those of other recordings are passed over.
        truth: every call of the recordings where that is known, else None.
        num_species: width of the labels.
        names: which recordings, in this order; None takes all.
    """

    def __init__(
        self,
        recordings: Recordings,
        reader: AudioReader,
        rows: pd.DataFrame,
        truth: pd.DataFrame | None,
        num_species: int,
        names: list[str] | None = None,
    ) -> None:
        self.paths = recordings.paths
        self.reader = reader
        self.names = list(recordings.paths) if names is None else names
        self.rows = rows_by_recording(rows)
        self.nothing_said = rows_of(rows.iloc[:0])
        self.calls = (
            None
            if truth is None
            else {name: group.to_list() for name, group in truth.groupby("recording_id").species_id}
        )
        self.num_species = num_species

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> RecordingWaveform:
        """A recording; without samples, and with its failure, where it cannot be read."""
        name = self.names[index]
        rows = self.rows.get(name, self.nothing_said)
        labels = self._labels(name, rows)
        try:
            samples = self.reader.read(self.paths[name])
        except AudioError as error:
            failure = Failure(name, str(error))
            return RecordingWaveform(name, torch.zeros(1, 0), rows, labels, (failure,))
        return RecordingWaveform(name, torch.from_numpy(samples)[None], rows, labels)

    def _labels(self, name: str, rows: Rows) -> Labels:
        if self.calls is None:
            return label_recording(rows, self.num_species)
        return complete_labels(self.calls.get(name, []), self.num_species)


class FileDataset(Dataset[tuple[str, Tensor | Failure]]):
    """Audio files without labels, for prediction.

    Args:
        paths: by recording id.
        reader: of the audio.
    """

    def __init__(self, paths: dict[str, Path], reader: AudioReader) -> None:
        self.items = list(paths.items())
        self.reader = reader

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> tuple[str, Tensor | Failure]:
        """The recording id with (samples,), or with the reason why it cannot be read."""
        name, path = self.items[index]
        try:
            return name, torch.from_numpy(self.reader.read(path))
        except AudioError as error:
            return name, Failure(name, str(error))
