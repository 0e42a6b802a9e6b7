"""Short sounds beside one another, as spectrograms."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

_COLUMNS = 4
_FFT_S, _FRAMES = 0.03, 200  # length of a Fourier transform, and how many there are in a picture
_FLOOR = 1e-10


def draw_sounds(sounds: Mapping[str, np.ndarray], sample_rate: int) -> Figure:
    """Spectrograms of short sounds, four in a row, each with its own range of colours.

    Args:
        sounds: (samples,) each, by title.
        sample_rate: of all, Hz.
    """
    rows = math.ceil(len(sounds) / _COLUMNS)
    figure = Figure(figsize=(3.6 * _COLUMNS, 2.6 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    for place, (title, waveform) in enumerate(sounds.items()):
        axes = figure.add_subplot(rows, _COLUMNS, 1 + place)
        decibel = _decibel(waveform, sample_rate)
        low, high = np.percentile(decibel, [20, 99.8])
        axes.imshow(
            decibel,
            origin="lower",
            aspect="auto",
            cmap="magma",
            vmin=low,
            vmax=high,
            extent=(0, len(waveform) / sample_rate, 0, sample_rate / 2000),
        )
        axes.set_title(title, fontsize=9)
        axes.set_xlabel("time (s)", fontsize=8)
        axes.set_ylabel("frequency (kHz)", fontsize=8)
    return figure


def _decibel(waveform: np.ndarray, sample_rate: int) -> np.ndarray:
    """The power spectrogram of a sound in dB: (frequencies, frames)."""
    n_fft = 2 ** round(math.log2(max(16, _FFT_S * sample_rate)))
    spectrum = torch.stft(
        torch.from_numpy(waveform),
        n_fft,
        hop_length=max(1, len(waveform) // _FRAMES),
        window=torch.hann_window(n_fft),
        pad_mode="constant",  # a sound may be shorter than a transform
        return_complex=True,
    )
    return 10 * np.log10(spectrum.abs().square().numpy() + _FLOOR)
