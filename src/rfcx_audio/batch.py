"""What travels between the rooms: labels of three states, batches, logits and losses by cell."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

MIXED_BACKGROUND = -2  # in place of the row of a crop that has none and is part of a mixture


class Labels(NamedTuple):
    """Labels of three states: present, absent, unknown.

    >>> target, known = torch.tensor([1.0, 0.0, 0.0]), torch.tensor([1.0, 1.0, 0.0])
    >>> rfcx_audio.Labels(target, known).known.bool()  # nothing is known of the last species
    tensor([ True,  True, False])

    Attributes:
        target: (..., species) in [0, 1], 1 = present; arbitrary where `known` is 0.
        known: (..., species) in [0, 1], the weight of the label; 0 = unknown.
    """

    target: Tensor
    known: Tensor


class Rows(NamedTuple):
    """The annotation rows of one recording, one element a row.

    Attributes:
        species: (rows,) int64 in [0, num_species).
        present: (rows,) bool, True where the species was confirmed (TP), False where it was
            ruled out (FP).
        weight: (rows,) float in (0, 1], of the row's label.
        t_min: (rows,) float, seconds from the start of the recording.
        t_max: (rows,) float, seconds, above `t_min`.
        songtype: (rows,) int64.
        f_min: (rows,) float, Hz.
        f_max: (rows,) float, Hz, above `f_min`.
    """

    species: Tensor
    present: Tensor
    weight: Tensor
    t_min: Tensor
    t_max: Tensor
    songtype: Tensor
    f_min: Tensor
    f_max: Tensor


class Boxes(NamedTuple):
    """The annotation boxes that overlap each crop, TP and FP, padded to one number.

    On waveforms, times are in seconds from the start of the crop and frequencies in Hz. On
    spectrograms, all four are shares of the axes, 0 at the first frame or mel and 1 behind the
    last. A box may extend beyond its crop.

    Attributes:
        species: (batch, boxes) int64; -1 where an example has no further box.
        songtype: (batch, boxes) int64.
        present: (batch, boxes) bool, True for a TP row.
        weight: (batch, boxes) in (0, 1], of the row's label.
        t_min: (batch, boxes) float32.
        t_max: (batch, boxes) float32.
        f_min: (batch, boxes) float32.
        f_max: (batch, boxes) float32.
    """

    species: Tensor
    songtype: Tensor
    present: Tensor
    weight: Tensor
    t_min: Tensor
    t_max: Tensor
    f_min: Tensor
    f_max: Tensor


class CropLabels(NamedTuple):
    """All labels of training crops.

    Attributes:
        clip: (batch, species) twice, of the crop as a whole.
        frame: (batch, label frames, species) twice, of equal parts of the crop's time; known only
            inside the rows' own time windows.
        boxes: of the rows that overlap the crop.
        truth: (batch, species) twice, the complete truth of the crop where the data have it, else
            unknown. It is for measurements only; no loss may use it.
        rows: (batch, rows) int64, the rows of the training table that the crops were cut around,
            for losses with a table of them: one row, or more where crops were mixed; -1 for
            background and where an example has no further row, `MIXED_BACKGROUND` for background
            that is part of a mixture. None where they are not known.
    """

    clip: Labels
    frame: Labels
    boxes: Boxes
    truth: Labels
    rows: Tensor | None = None


class ClassBands(NamedTuple):
    """Where classes, the songs of species, lie on a spectrogram's axes.

    Attributes:
        species: (classes,) int64.
        songtype: (classes,) int64.
        low: (classes,) int64, first mel of the class's band.
        high: (classes,) int64, mel behind the last.
        frames: (classes,) int64, of its duration.
        f_min: (classes,) float32, share of the mel axis as in `Boxes` on spectrograms.
        f_max: (classes,) float32, likewise.
    """

    species: Tensor
    songtype: Tensor
    low: Tensor
    high: Tensor
    frames: Tensor
    f_min: Tensor
    f_max: Tensor


def unknown_labels(batch: int, species: int, frames: int = 1) -> CropLabels:
    """Labels of crops of which nothing is known.

    Args:
        batch: crops.
        species: width of the labels.
        frames: label frames.
    """

    def nothing(*shape: int) -> Labels:
        return Labels(torch.zeros(shape), torch.zeros(shape))

    whole, real = torch.zeros(batch, 0, dtype=torch.int64), torch.zeros(batch, 0)
    boxes = Boxes(whole, whole, whole.bool(), real, real, real, real, real)
    clip = nothing(batch, species)
    return CropLabels(clip, nothing(batch, frames, species), boxes, nothing(batch, species))


class Failure(NamedTuple):
    """A recording that could not be used, and why."""

    recording_id: str
    reason: str


class WaveformBatch(NamedTuple):
    """Training crops as they leave the workers.

    Attributes:
        waveform: (batch, samples) in about [-1, 1].
        labels: of the crops.
        seed: from which every random draw on the device is made for this batch.
        failures: recordings whose crop could not be read; they are missing from the batch.
    """

    waveform: Tensor
    labels: CropLabels
    seed: int
    failures: tuple[Failure, ...] = ()


class PlacedBatch(NamedTuple):
    """Training crops as they leave the workers where audio is resident in memory.

    Attributes:
        places: (batch, 2) int64, block and offset of each crop in that memory; -1 and 0 where it
            had to be read. No tensor: the host needs them, and they stay there.
        waveform: (crops that had to be read, samples), in their order.
        labels: of all crops.
        seed: see `WaveformBatch`.
        failures: see `WaveformBatch`.
    """

    places: np.ndarray
    waveform: Tensor
    labels: CropLabels
    seed: int
    failures: tuple[Failure, ...] = ()


class SpectrogramBatch(NamedTuple):
    """Training crops as the network gets them.

    Attributes:
        spectrogram: (batch, channels, mels, frames).
        labels: of the crops.
        seed: of the batch, see `WaveformBatch`.
    """

    spectrogram: Tensor
    labels: CropLabels
    seed: int


class RecordingWaveform(NamedTuple):
    """A whole recording, for validation and test.

    Attributes:
        recording_id: its name in the tables.
        waveform: (1, samples), or (1, 0) when it was not read.
        labels: (species,) twice, what is known of the recording as a whole.
        failures: one entry when it could not be read.
        long: its file, where it is too long to be read at once; None otherwise.
        long_samples: its length at the rate of a reader.
    """

    recording_id: str
    waveform: Tensor
    labels: Labels
    failures: tuple[Failure, ...] = ()
    long: Path | None = None
    long_samples: int = 0


class RecordingBatch(NamedTuple):
    """Several whole recordings on their way to the device; those that cannot be read are left out.

    Attributes:
        recording_ids: their names in the tables.
        waveforms: (1, samples) of each.
        starts_s: (windows,) of all recordings, one after the other: seconds from the recording's
            start.
        counts: windows of each recording, at least 1.
        window_labels: (windows, species) twice.
        recording_labels: (recordings, species) twice.
        failures: one entry for each recording that could not be read.
        long: the file of the only recording, which has no waveform as it is too long to be read at
            once; None otherwise.
    """

    recording_ids: tuple[str, ...]
    waveforms: tuple[Tensor, ...]
    starts_s: Tensor
    counts: tuple[int, ...]
    window_labels: Labels
    recording_labels: Labels
    failures: tuple[Failure, ...] = ()
    long: Path | None = None


class WindowBatch(NamedTuple):
    """Whole recordings cut into windows.

    Attributes:
        recording_ids: their names in the tables.
        spectrogram: (windows, channels, mels, frames) of all recordings, one after the other;
            empty where none could be read, and for a long one.
        starts_s: (windows,) seconds from the start of the recording.
        counts: windows of each recording, at least 1.
        window_labels: (windows, species) twice.
        recording_labels: (recordings, species) twice.
        long: see `RecordingBatch`; it is to be read and scored block by block.
    """

    recording_ids: tuple[str, ...]
    spectrogram: Tensor
    starts_s: Tensor
    counts: tuple[int, ...]
    window_labels: Labels
    recording_labels: Labels
    long: Path | None = None


class Logits(NamedTuple):
    """The output of a detector, before the sigmoid.

    Attributes:
        clip: (batch, species).
        frame: (batch, frames, species); one frame when the head does not localise.
        teacher: (batch, species), logits of the same clips by a moving average of the detector,
            without gradient; None where a learning method keeps none.
    """

    clip: Tensor
    frame: Tensor
    teacher: Tensor | None = None


class CellLoss(NamedTuple):
    """A loss before its reduction.

    Attributes:
        value: (batch, species), what each cell costs.
        weight: (batch, species), how much it counts: `known` for a masked loss, 1 for a plain one.
    """

    value: Tensor
    weight: Tensor
