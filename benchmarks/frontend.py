"""The log-mel spectrogram, compared with torchaudio, librosa, and the Fourier transform alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec

import numpy as np
import torch

from benchmarks.timing import NotMeasured, Row, rows_of, timed_in_turn
from rfcx_audio.config import build, load_config
from rfcx_audio.frontend import LogMel

CPU_SHAPES = {"16 x 6 s": (16, 6.0), "1 x 60 s": (1, 60.0)}
GPU_SHAPES = {"64 x 6 s": (64, 6.0), "1 x 60 s": (1, 60.0)}
CPU_GOALS = {"torchaudio": 0.5, "torch.stft": 1.3, "librosa": 0.5}
GPU_GOALS = {"torchaudio": 0.7, "torch.stft": 1.3}
_CLOSE = 1e-5  # tolerance of a mel power, relative to the maximum


def frontend_rows(
    repeats: int,
    device: str,
    shapes: Mapping[str, tuple[int, float]],
    goals: Mapping[str, float],
    in_a_row: int = 1,
) -> Iterator[Row | NotMeasured]:
    """Times both presets on a batch of crops and on one recording.

    Args:
        repeats: number of times.
        device: `cpu` or `cuda`.
        shapes: number of waveforms and their duration in s, by name.
        goals: largest ratios, by name of the reference.
        in_a_row: calls that are timed as one, since a GPU takes less than a millisecond.
    """
    for preset in ("default", "deck"):
        ours: LogMel = build(load_config("train", [f"frontend={preset}"]).frontend).to(device)
        for shape, (batch, duration_s) in shapes.items():
            group = f"log-mel, {preset}, {shape}"
            generator = torch.Generator().manual_seed(0)
            samples = round(duration_s * ours.sample_rate)
            waveform = torch.randn(batch, samples, generator=generator).mul(0.1).to(device)
            calls, goal = {"LogMel": _call(ours, waveform)}, {}
            for name in goals:
                if find_spec(name.partition(".")[0]) is None:
                    yield NotMeasured(f"{group}, {name}", f"{name} is not importable")
                    continue
                calls[name], goal[name] = _PEERS[name](ours, waveform), goals[name]
            with torch.inference_mode():
                if "torchaudio" in calls:
                    _check(ours, calls["LogMel"](), calls["torchaudio"]())
                many = {name: _repeated(call, in_a_row) for name, call in calls.items()}
                times = timed_in_turn(many, repeats)
            each = {name: [time / in_a_row for time in found] for name, found in times.items()}
            yield from rows_of(group, "LogMel", each, goal)


def _repeated(call: Callable[[], object], number: int) -> Callable[[], None]:
    def run() -> None:
        for _ in range(number):
            call()

    return run


def _call(ours: LogMel, waveform: torch.Tensor) -> Callable[[], object]:
    return lambda: ours(waveform)


def _compress(ours: LogMel, power: torch.Tensor) -> torch.Tensor:
    return power.log1p() if ours.scaling == "log1p" else (power + ours.eps).log()


def _torchaudio(ours: LogMel, waveform: torch.Tensor) -> Callable[[], object]:
    import torchaudio  # noqa: PLC0415 (it may not be there)

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


def _librosa(ours: LogMel, waveform: torch.Tensor) -> Callable[[], object]:
    import librosa  # noqa: PLC0415 (it may not be there)

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


def _stft(ours: LogMel, waveform: torch.Tensor) -> Callable[[], object]:
    return lambda: torch.stft(
        waveform,
        ours.n_fft,
        ours.hop_length,
        window=ours.window,
        center=ours.center,
        return_complex=True,
    )


def _check(ours: LogMel, *images: object) -> None:
    """Checks that both compute the same."""
    found, expected = (
        image.double().expm1() if ours.scaling == "log1p" else image.double().exp()
        for image in images
        if isinstance(image, torch.Tensor)
    )
    assert (found.squeeze(1) - expected).abs().max() <= _CLOSE * expected.max()


_PEERS: dict[str, Callable[[LogMel, torch.Tensor], Callable[[], object]]] = {
    "torchaudio": _torchaudio,
    "torch.stft": _stft,
    "librosa": _librosa,
}
