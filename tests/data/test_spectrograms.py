from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rfcx_audio.augment import Chain, Gain
from rfcx_audio.batch import Labels, RecordingBatch
from rfcx_audio.data.spectrograms import crop_spectrograms, on_axes, recording_windows
from rfcx_audio.frontend import LogMel
from rfcx_audio.scoring import SlidingWindows
from techniques import BATCH, DURATION_S, batch

RATE = 48_000


@pytest.fixture
def frontend() -> LogMel:
    return LogMel(RATE)


def test_crops_become_spectrograms_with_their_labels(frontend: LogMel) -> None:
    crops = batch(seed=0)
    found = crop_spectrograms(crops, frontend, Chain(), DURATION_S)
    assert torch.equal(found.spectrogram, frontend(crops.waveform))
    assert torch.equal(found.labels.clip.known, crops.labels.clip.known)
    assert found.seed == crops.seed


def test_augmentation_follows_from_the_seed_of_the_batch(frontend: LogMel) -> None:
    augment = Chain(waveform={"gain": Gain(probability=1.0)})
    crops = batch(seed=0)
    first, again, other = (
        crop_spectrograms(crops._replace(seed=seed), frontend, augment, DURATION_S).spectrogram
        for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_no_crops_become_no_spectrograms(frontend: LogMel) -> None:
    crops = batch(seed=0)
    empty = crops._replace(waveform=crops.waveform[:0])
    assert not len(crop_spectrograms(empty, frontend, Chain(), DURATION_S).spectrogram)


def test_boxes_come_to_lie_on_the_axes(frontend: LogMel) -> None:
    boxes = batch(seed=0).labels.boxes
    found = on_axes(boxes, DURATION_S, frontend)
    assert torch.allclose(found.t_min, boxes.t_min / DURATION_S)
    assert torch.allclose(found.t_max, boxes.t_max / DURATION_S)
    places = torch.tensor(frontend.band_of(boxes.f_min.flatten().tolist())) / frontend.n_mels
    assert torch.allclose(found.f_min.flatten(), places.float(), atol=1e-5)
    assert (found.f_max > found.f_min).all()


class FirstSamples(nn.Module):
    """A front end that keeps eight samples."""

    n_mels = 1

    def bands_of(self, frequencies_hz: Tensor) -> Tensor:
        return 0 * frequencies_hz

    def forward(self, waveform: Tensor) -> Tensor:
        assert waveform.dtype == torch.float32
        return waveform[:, None, None, :8]


def test_any_front_end_can_take_the_place() -> None:
    crops = batch(seed=0)
    found = crop_spectrograms(crops, FirstSamples(), Chain(), DURATION_S)
    assert found.spectrogram.shape == (BATCH, 1, 1, 8)


def recordings(*lengths_s: float) -> RecordingBatch:
    """Noise of several lengths; the labels stand for themselves."""
    generator = torch.Generator().manual_seed(0)
    parts: dict[str, Any] = dict.fromkeys(RecordingBatch._fields, ())
    parts["waveforms"] = [torch.randn(1, round(RATE * s), generator=generator) for s in lengths_s]
    parts["window_labels"] = parts["recording_labels"] = Labels(torch.zeros(0), torch.zeros(0))
    return RecordingBatch(**parts)


def test_recordings_become_the_windows_of_each_in_their_order(frontend: LogMel) -> None:
    windows = SlidingWindows(3.0)
    given = recordings(9.0, 9.0, 4.0, 9.0)
    found = recording_windows(given, frontend, windows).spectrogram
    alone = [windows.cut_windows(frontend, waveform) for waveform in given.waveforms]
    assert torch.allclose(found, torch.cat(alone), atol=1e-5)


def test_no_recording_has_no_window() -> None:
    unused: Any = SimpleNamespace()
    assert not len(recording_windows(recordings(), unused, unused).spectrogram)
