from __future__ import annotations

import copy
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import soundfile
import torch
from torch import Tensor

from rfcx_audio.data import AudioError, AudioReader
from rfcx_audio.encoders import EncoderFrontend, FeatureEncoder
from rfcx_audio.scoring import Embedder

RATE, SAMPLES = 1_000, 250


class Counted(FeatureEncoder):
    """Loudness, mean and last sample of windows of 0.25 s at 1 kHz; counts the windows."""

    sample_rate, window_samples, num_features, sha256 = RATE, SAMPLES, 3, "f" * 64
    windows = 0

    def __init__(self) -> None:
        super().__init__({})

    def features(self, waveform: Tensor) -> Tensor:
        type(self).windows += len(waveform)
        return torch.stack([waveform.abs().amax(1), waveform.mean(1), waveform[:, -1]], 1)


def make(
    hop_s: float = 0.125, gain_db: float = 0.0, channel: Literal["mean"] | int = "mean"
) -> Embedder:
    return Embedder(AudioReader(RATE, channel), EncoderFrontend(Counted(), hop_s, gain_db))


def by_hand(waveform: np.ndarray, hop: int) -> np.ndarray:
    """Features of the windows of a whole waveform, one after the other."""
    rows, start = [], 0
    while True:
        window = np.zeros(SAMPLES, np.float32)
        part = waveform[start : start + SAMPLES]
        window[: len(part)] = part
        rows.append([np.abs(window).max(), window.mean(dtype=np.float64), window[-1]])
        if start + SAMPLES >= len(waveform):
            return np.array(rows)
        start += hop


def noise(seconds: float, rate: int = RATE, channels: int = 1) -> np.ndarray:
    shape = round(seconds * rate), channels
    return np.random.default_rng(0).uniform(-0.5, 0.5, shape).astype(np.float32).squeeze()


def write(path: Path, samples: np.ndarray, rate: int = RATE) -> Path:
    soundfile.write(path, samples, rate, subtype="FLOAT")
    return path


@pytest.mark.parametrize("seconds", [0.001, 0.1, 0.25, 0.251, 4.0, 4.06, 130.03])
@pytest.mark.parametrize("hop_s", [0.25, 0.125, 0.1])
def test_a_file_has_the_features_of_all_its_windows(
    seconds: float, hop_s: float, tmp_path: Path
) -> None:
    embedder, waveform = make(hop_s), np.atleast_1d(noise(seconds))
    expected = by_hand(waveform, round(hop_s * RATE))
    path = write(tmp_path / "a.wav", waveform)
    for recording in path, torch.from_numpy(waveform):
        np.testing.assert_allclose(embedder(recording), expected, atol=1e-5)
    starts_s = embedder.starts_s(embedder.blocks(path))
    np.testing.assert_allclose(starts_s, hop_s * np.arange(len(expected)), atol=1e-9)


def test_each_window_of_an_hour_is_computed_once(tmp_path: Path) -> None:
    path = write(tmp_path / "hour.wav", noise(3600.0))
    Counted.windows = 0
    features = make()(path)
    assert len(features) == Counted.windows == 1 + (3600 * RATE - SAMPLES) / 125


def test_the_gain_comes_before_the_encoder() -> None:
    waveform = torch.from_numpy(noise(2.0))
    louder = by_hand(10 ** (6 / 20) * waveform.numpy(), 125)
    np.testing.assert_allclose(make(gain_db=6.0)(waveform), louder, atol=1e-5)


def test_channels_are_read_as_asked_for(tmp_path: Path) -> None:
    stereo = noise(5.0, channels=2)
    path = write(tmp_path / "stereo.wav", stereo)
    np.testing.assert_allclose(make()(path), by_hand(stereo.mean(1), 125), atol=1e-5)
    np.testing.assert_allclose(make(channel=1)(path), by_hand(stereo[:, 1], 125), atol=1e-5)
    with pytest.raises(AudioError, match="no channel 2"):
        make(channel=2)(path)


def test_another_rate_is_resampled_as_the_whole_recording_is(tmp_path: Path) -> None:
    path = write(tmp_path / "cd.wav", noise(20.0, 44_100), 44_100)
    whole = AudioReader(RATE).read(path)
    np.testing.assert_allclose(make()(path), by_hand(whole, 125), atol=1e-4)


def test_windows_that_leave_sound_out_are_refused() -> None:
    with pytest.raises(ValueError, match=r"hop_s = 0\.3 is longer than the encoder's window of 0"):
        make(0.3)
    with pytest.raises(ValueError, match="reader gives 8000 Hz, the encoder takes 1000 Hz"):
        Embedder(AudioReader(8_000), EncoderFrontend(Counted(), 0.1))


def test_the_settings_hold_all_that_features_depend_on_and_a_copy_has_the_same() -> None:
    embedder = make(gain_db=3.0, channel=0)
    settings = embedder.settings()
    assert settings.pop("encoder")["sha256"] == "f" * 64
    assert settings == {
        "hop_s": 0.125,
        "gain_db": 3.0,
        "window_s": 0.25,
        "sample_rate": RATE,
        "channel": 0,
    }
    assert copy.deepcopy(embedder).settings() == embedder.settings()
