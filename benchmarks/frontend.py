"""The log-mel spectrogram, beside torchaudio's, librosa's, and the Fourier transform alone."""

from __future__ import annotations

from collections.abc import Callable

import librosa
import numpy as np
import torch
import torchaudio

from benchmarks.timing import Row, rows_of, timed_in_turn
from rfcx_audio.config import build, load_config
from rfcx_audio.frontend import LogMel

_SHAPES = {"16 x 6 s": (16, 6.0), "1 x 60 s": (1, 60.0)}
_CLOSE = 1e-5  # of a mel power, relative to the loudest


def frontend_rows(repeats: int, device: str) -> list[Row]:
    """Both presets, a batch of crops and one recording."""
    rows = []
    for preset in ("default", "deck"):
        ours: LogMel = build(load_config("train", [f"frontend={preset}"]).frontend).to(device)
        for shape, (batch, duration_s) in _SHAPES.items():
            generator = torch.Generator().manual_seed(0)
            samples = round(duration_s * ours.sample_rate)
            waveform = torch.randn(batch, samples, generator=generator).mul(0.1).to(device)
            calls: dict[str, Callable[[], object]] = {
                "LogMel": lambda ours=ours, waveform=waveform: ours(waveform),
                "torchaudio": _torchaudio(ours, waveform),
                "torch.stft": lambda ours=ours, waveform=waveform: _stft(ours, waveform),
            }
            goals = {"torchaudio": 0.5, "torch.stft": 1.3}
            if device == "cpu":
                calls["librosa"], goals["librosa"] = _librosa(ours, waveform), 0.5
            else:
                goals["torchaudio"] = 1.0
            with torch.inference_mode():
                _check(ours, calls["LogMel"](), calls["torchaudio"]())
                times = timed_in_turn(calls, repeats)
            rows += rows_of(f"log-mel, {preset}, {shape}", "LogMel", times, goals)
    return rows


def _compress(ours: LogMel, power: torch.Tensor) -> torch.Tensor:
    return power.log1p() if ours.scaling == "log1p" else (power + ours.eps).log()


def _torchaudio(ours: LogMel, waveform: torch.Tensor) -> Callable[[], torch.Tensor]:
    mel = torchaudio.transforms.MelSpectrogram(
        ours.sample_rate,
        n_fft=ours.n_fft,
        hop_length=ours.hop_length,
        f_min=ours.f_min,
        f_max=ours.f_max,
        n_mels=ours.n_mels,
        center=ours.center,
        norm=None,
        mel_scale=ours.mel_scale,
    ).to(waveform.device)
    return lambda: _compress(ours, mel(waveform))


def _librosa(ours: LogMel, waveform: torch.Tensor) -> Callable[[], np.ndarray]:
    samples = waveform.numpy()

    def make() -> np.ndarray:
        power = librosa.feature.melspectrogram(
            y=samples,
            sr=ours.sample_rate,
            n_fft=ours.n_fft,
            hop_length=ours.hop_length,
            center=ours.center,
            pad_mode="reflect",
            n_mels=ours.n_mels,
            fmin=ours.f_min,
            fmax=ours.f_max,
            htk=ours.mel_scale == "htk",
            norm=None,
        )
        return np.log1p(power) if ours.scaling == "log1p" else np.log(power + ours.eps)

    return make


def _stft(ours: LogMel, waveform: torch.Tensor) -> torch.Tensor:
    return torch.stft(
        waveform,
        ours.n_fft,
        ours.hop_length,
        window=ours.window,
        center=ours.center,
        return_complex=True,
    )


def _check(ours: LogMel, *images: object) -> None:
    """Refuses to time two things that say something else."""
    found, expected = (
        image.double().expm1() if ours.scaling == "log1p" else image.double().exp()
        for image in images
        if isinstance(image, torch.Tensor)
    )
    assert (found.squeeze(1) - expected).abs().max() <= _CLOSE * expected.max()
