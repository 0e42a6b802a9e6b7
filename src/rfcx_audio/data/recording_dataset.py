"""Whole recordings with what is known of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn

import pandas as pd
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from rfcx_audio.batch import Failure, Labels, RecordingBatch, RecordingWaveform
from rfcx_audio.data.audio import AudioError, AudioReader
from rfcx_audio.data.coverage import NOWHERE, Coverage
from rfcx_audio.data.labels import (
    complete_labels,
    label_recording,
    label_windows,
    rows_by_recording,
    rows_of,
)
from rfcx_audio.data.recordings import Recordings

LONG_S = 600.0
"""A longer recording is not read as a whole, which would take gigabytes, but block by block."""


class RecordingDataset(Dataset[RecordingWaveform]):
    """Whole recordings with what is known of them.

    Args:
        recordings: their audio.
        reader: of the audio.
        rows: what is known of their time windows; those of other recordings are passed over.
        truth: every call of the recordings where that is known, else None.
        num_species: width of the labels.
        names: which recordings, in this order; None takes all.
        coverage: where the rows are all calls.
    """

    def __init__(
        self,
        recordings: Recordings,
        reader: AudioReader,
        rows: pd.DataFrame,
        truth: pd.DataFrame | None,
        num_species: int,
        names: list[str] | None = None,
        coverage: Coverage = NOWHERE,
    ) -> None:
        self.paths = recordings.paths
        self.infos = recordings.infos
        self.reader = reader
        self.names = list(recordings.paths) if names is None else names
        self.rows = rows_by_recording(rows)
        self.no_rows = rows_of(rows.iloc[:0])
        self.calls = (
            None
            if truth is None
            else {name: group.to_list() for name, group in truth.groupby("recording_id").species_id}
        )
        self.num_species = num_species
        self.coverage = coverage
        self.durations_s = recordings.durations_s

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> RecordingWaveform:
        """A recording; without samples where it is long, or, with its failure, cannot be read."""
        name = self.names[index]
        labels = self.labels(name)
        info = self.infos[name]
        if info.duration_s > LONG_S:
            samples = info.samples_at(self.reader.sample_rate)
            nothing = torch.zeros(1, 0)
            return RecordingWaveform(name, nothing, labels, (), self.paths[name], samples)
        try:
            samples = self.reader.read(self.paths[name])
        except AudioError as error:
            failure = Failure(name, str(error))
            return RecordingWaveform(name, torch.zeros(1, 0), labels, (failure,))
        return RecordingWaveform(name, torch.from_numpy(samples)[None], labels)

    def labels(self, name: str) -> Labels:
        """What is known of a recording as a whole: (species,) twice."""
        if self.calls is None:
            complete = self.coverage.whole(name, self.durations_s[name], self.num_species)
            rows = self.rows.get(name, self.no_rows)
            return label_recording(rows, self.num_species, complete)
        return complete_labels(self.calls.get(name, []), self.num_species)

    def window_labels(
        self, name: str, starts_s: Tensor, duration_s: float, min_overlap: float
    ) -> Labels:
        """What is known of windows of a recording: (windows, species) twice.

        Args:
            name: of the recording.
            starts_s: (windows,) s.
            duration_s: of a window.
            min_overlap: see `label_windows`.
        """
        stops_s = (starts_s + duration_s).clamp(max=self.durations_s[name])
        complete = self.coverage.windows(name, starts_s, stops_s, self.num_species)
        settings = (duration_s, self.num_species, min_overlap)
        return label_windows(self.rows.get(name, self.no_rows), starts_s, *settings, complete)


class RecordingLoader(DataLoader[RecordingWaveform]):
    """Reads recordings one by one, and hands out several together, as `RecordingBatch`.

    Workers read one recording at a time, so that few are in memory before they are put together.
    How many batches there will be follows from the lengths, known once they are read: `len` is not
    defined.

    Args:
        dataset: of the recordings.
        starts_s: (windows,) starts in s of the windows of so many samples.
        at_once: windows in a batch at most; a recording with more, or a long one, is a batch by
            itself.
        duration_s: of a window.
        min_overlap: see `label_windows`.
        options: of `DataLoader`.
    """

    def __init__(
        self,
        dataset: RecordingDataset,
        starts_s: Callable[[int], Tensor],
        at_once: int,
        duration_s: float,
        min_overlap: float,
        **options: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(dataset, batch_size=None, **options)
        self.starts_s = starts_s
        self.at_once = at_once
        self.duration_s = duration_s
        self.min_overlap = min_overlap
        self.recordings = dataset
        self.num_species = dataset.num_species

    def __len__(self) -> NoReturn:
        """Not defined.

        Raises:
            TypeError: always, as of anything that can only be iterated over.
        """
        raise TypeError("the number of batches follows from the lengths of the recordings")

    def __iter__(self) -> Iterator[RecordingBatch]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The recordings in the order of the dataset."""
        group: list[RecordingWaveform] = []
        starts: list[Tensor] = []
        for recording in super().__iter__():
            samples = recording.long_samples or recording.waveform.shape[-1]
            found = self.starts_s(samples) if samples else torch.zeros(0, dtype=torch.float64)
            alone = recording.long or (group and group[-1].long)
            if starts and (alone or sum(map(len, starts)) + len(found) > self.at_once):
                yield self.together(group, starts)
                group, starts = [], []
            group.append(recording)
            starts.append(found)
        if group:
            yield self.together(group, starts)

    def together(
        self, recordings: Sequence[RecordingWaveform], starts: Sequence[Tensor]
    ) -> RecordingBatch:
        """Recordings as a batch.

        Args:
            recordings: at least one; those without samples only leave their failures.
            starts: (windows,) s, of the windows of each.
        """
        failures = [failure for recording in recordings for failure in recording.failures]
        readable = [pair for pair in zip(recordings, starts, strict=True) if len(pair[1])]
        settings = (self.duration_s, self.min_overlap)
        windows = [
            self.recordings.window_labels(recording.recording_id, starts_s, *settings)
            for recording, starts_s in readable
        ]
        whole = [Labels(*(part[None] for part in one.labels)) for one, _ in readable]
        return RecordingBatch(
            tuple(recording.recording_id for recording, _ in readable),
            tuple(recording.waveform for recording, _ in readable if not recording.long),
            torch.cat(list(starts)),
            tuple(len(starts_s) for _, starts_s in readable),
            _joined(windows, self.num_species),
            _joined(whole, self.num_species),
            tuple(failures),
            recordings[0].long,
        )


def _joined(labels: Sequence[Labels], num_species: int) -> Labels:
    """Labels, each (…, species), one after the other; there may be none."""
    none = torch.zeros(0, num_species)
    return Labels(
        torch.cat([none, *(one.target for one in labels)]),
        torch.cat([none, *(one.known for one in labels)]),
    )
