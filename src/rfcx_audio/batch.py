"""What travels between the rooms: labels of three states, batches, logits and losses by cell."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Labels(NamedTuple):
    """What has been said about species: present, absent, or nothing at all.

    Attributes:
        target: (..., species) in [0, 1]; means something only where `known` is above 0.
        known: (..., species) in [0, 1], how surely anything was said; 0 = unknown.
    """

    target: Tensor
    known: Tensor


class Rows(NamedTuple):
    """The annotation rows of one recording, one element a row.

    Attributes:
        species: (rows,) int64 in [0, num_species).
        present: (rows,) bool, True where the species was confirmed (TP), False where it was
            ruled out (FP).
        weight: (rows,) float in (0, 1], how surely the row says so.
        t_min: (rows,) float, seconds from the start of the recording.
        t_max: (rows,) float, seconds, above `t_min`.
    """

    species: Tensor
    present: Tensor
    weight: Tensor
    t_min: Tensor
    t_max: Tensor


class Failure(NamedTuple):
    """A recording that could not be used, and why."""

    recording_id: str
    reason: str


class WaveformBatch(NamedTuple):
    """Training crops as they leave the workers.

    Attributes:
        waveform: (batch, samples) in about [-1, 1].
        labels: (batch, species) twice.
        seed: from which every random draw on the device is made for this batch.
        failures: recordings whose crop could not be read; they are missing from the batch.
    """

    waveform: Tensor
    labels: Labels
    seed: int
    failures: tuple[Failure, ...] = ()


class SpectrogramBatch(NamedTuple):
    """Training crops as the network sees them.

    Attributes:
        spectrogram: (batch, channels, mels, frames).
        labels: (batch, species) twice.
        seed: of the batch, see `WaveformBatch`.
    """

    spectrogram: Tensor
    labels: Labels
    seed: int


class RecordingWaveform(NamedTuple):
    """A whole recording, for validation and test.

    Attributes:
        recording_id: its name in the tables.
        waveform: (1, samples), or (1, 0) when it could not be read.
        rows: what is known of its time windows.
        labels: (species,) twice, what is known of the recording as a whole.
        failures: one entry when it could not be read.
    """

    recording_id: str
    waveform: Tensor
    rows: Rows
    labels: Labels
    failures: tuple[Failure, ...] = ()


class WindowBatch(NamedTuple):
    """A whole recording cut into windows.

    Attributes:
        recording_id: its name in the tables.
        spectrogram: (windows, channels, mels, frames).
        starts_s: (windows,) seconds from the start of the recording.
        window_labels: (windows, species) twice.
        recording_labels: (species,) twice.
    """

    recording_id: str
    spectrogram: Tensor
    starts_s: Tensor
    window_labels: Labels
    recording_labels: Labels


class Logits(NamedTuple):
    """What a detector says, before any sigmoid.

    Attributes:
        clip: (batch, species).
        frame: (batch, frames, species); one frame when the head does not localise.
    """

    clip: Tensor
    frame: Tensor


class CellLoss(NamedTuple):
    """A loss before its reduction.

    Attributes:
        value: (batch, species), what each cell costs.
        weight: (batch, species), how much it counts: `known` for a masked loss, 1 for a plain one.
    """

    value: Tensor
    weight: Tensor
