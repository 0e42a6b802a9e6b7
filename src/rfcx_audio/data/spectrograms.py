"""What happens to a batch on the device: waveforms become augmented spectrograms or windows."""

from __future__ import annotations

from itertools import groupby
from typing import Any, Protocol

import torch
from torch import Tensor

from rfcx_audio.batch import (
    Boxes,
    CropLabels,
    RecordingBatch,
    SpectrogramBatch,
    WaveformBatch,
    WindowBatch,
)


class Augment(Protocol):
    """What changes training crops; labels change with them."""

    def on_waveform(
        self, waveform: Tensor, labels: CropLabels, generator: torch.Generator
    ) -> tuple[Tensor, CropLabels]:
        """(batch, samples) -> the same shape."""
        ...

    def on_spectrogram(
        self, spectrogram: Tensor, labels: CropLabels, generator: torch.Generator
    ) -> tuple[Tensor, CropLabels]:
        """(batch, channels, mels, frames) -> the same shape."""
        ...


class Frontend(Protocol):
    """What makes spectrograms of waveforms."""

    n_mels: int
    sample_rate: int
    f_min: float
    f_max: float

    def bands_of(self, frequencies_hz: Tensor) -> Tensor:
        """Where frequencies lie on the mel axis, from 0 to `n_mels`."""
        ...

    def __call__(self, waveform: Tensor) -> Tensor:
        """(batch, samples) -> (batch, channels, mels, frames)."""
        ...

    def to(self, device: torch.device) -> Any:  # noqa: ANN401
        """As of a module."""
        ...


class Windows(Protocol):
    """What cuts a recording's spectrogram into windows."""

    duration_s: float

    def starts_s(self, frontend: Frontend, num_samples: int) -> Tensor:
        """(windows,) starts in s of the windows of so many samples, on the CPU."""
        ...

    def at_once(self, frontend: Frontend) -> int:
        """How many windows a device takes in one batch."""
        ...

    def cut_windows(self, frontend: Frontend, waveform: Tensor) -> Tensor:
        """(recordings, samples) -> (recordings * windows, channels, mels, frames)."""
        ...


@torch.no_grad()
def crop_spectrograms(
    batch: WaveformBatch, frontend: Frontend, augment: Augment, duration_s: float
) -> SpectrogramBatch:
    """Augmented spectrograms of training crops; the batch's seed decides all random draws.

    Args:
        batch: of crops.
        frontend: on the device of the batch.
        augment: changes waveforms and spectrograms.
        duration_s: of a crop.
    """
    if not len(batch.waveform):
        return SpectrogramBatch(batch.waveform, batch.labels, batch.seed)
    generator = torch.Generator(batch.waveform.device).manual_seed(batch.seed)
    waveform, labels = augment.on_waveform(batch.waveform, batch.labels, generator)
    spectrogram = frontend(waveform)  # (batch, channels, mels, frames)
    labels = labels._replace(boxes=on_axes(labels.boxes, duration_s, frontend))
    spectrogram, labels = augment.on_spectrogram(spectrogram, labels, generator)
    return SpectrogramBatch(spectrogram, labels, batch.seed)


@torch.no_grad()
def recording_windows(batch: RecordingBatch, frontend: Frontend, windows: Windows) -> WindowBatch:
    """Recordings as labelled windows; no windows when none could be read, or one is long.

    Args:
        batch: of whole recordings.
        frontend: on the device of the batch.
        windows: cuts the recordings.
    """
    runs = groupby(batch.waveforms, lambda waveform: waveform.shape[-1])  # of one length
    parts = [windows.cut_windows(frontend, _joined(list(same))) for _, same in runs]
    return WindowBatch(
        batch.recording_ids,
        _joined(parts) if parts else torch.zeros(0),
        batch.starts_s,
        batch.counts,
        batch.window_labels,
        batch.recording_labels,
        batch.long,
    )


def on_axes(boxes: Boxes, duration_s: float, frontend: Frontend) -> Boxes:
    """Boxes in s and Hz as places on a spectrogram's axes, see `Boxes`.

    Args:
        boxes: in s and Hz.
        duration_s: of the spectrogram.
        frontend: which made it.
    """
    return boxes._replace(
        t_min=boxes.t_min / duration_s,
        t_max=boxes.t_max / duration_s,
        f_min=frontend.bands_of(boxes.f_min) / frontend.n_mels,
        f_max=frontend.bands_of(boxes.f_max) / frontend.n_mels,
    )


def _joined(tensors: list[Tensor]) -> Tensor:
    """Concatenated along the first axis; a single one is not copied."""
    return torch.cat(tensors) if len(tensors) > 1 else tensors[0]
