"""Spectrograms of clips as grey-level pictures with a logarithmic frequency axis.

A grey level is a number of decibels. The browser gives them colours, so that brightness and range
change without a new picture.
"""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO
from typing import NamedTuple

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from PIL import Image
from scipy.fft import rfft

from rfcx_audio.encoders import EncoderFrontend
from rfcx_audio.frontend import LogMel
from rfcx_audio.scoring.picture import drawn_by, in_db

HEIGHT, WIDEST = 320, 1200  # pixels
LEVELS_DB = 100.0  # from the darkest level to the loudest point of a picture
_LOWEST_BIN = 2  # of the transform; below it the logarithmic axis would show the same for long
_WINDOW_S = 0.021  # 1024 samples at 48 kHz
_COLUMNS_AT_ONCE = 128
_SHOWN_PERCENT = (40.0, 99.8)  # of a picture's levels, between which colours begin and end


class Picture(NamedTuple):
    """A spectrogram.

    Attributes:
        png: 8-bit grey levels; the highest frequency is at the top.
        t_min: s, where its left end is in the recording.
        t_max: s, its right end.
        f_min: Hz, its lower end. The axis between is logarithmic.
        f_max: Hz, its upper end.
        low: the level at which colours begin, unless the reviewer chooses another.
        high: the level at which they end.
        step_db: dB from one level to the next.
    """

    png: bytes
    t_min: float
    t_max: float
    f_min: float
    f_max: float
    low: int
    high: int
    step_db: float


def display_picture(waveform: np.ndarray, sample_rate: int, start_s: float = 0.0) -> Picture:
    """A fine spectrogram: a short-time Fourier transform with a Hann window of about 21 ms.

    A quarter of a window lies between two columns; a picture wider than `WIDEST` keeps the maximum
    of neighbouring ones, so that short calls stay visible.

    Args:
        waveform: (samples,).
        sample_rate: Hz.
        start_s: of the waveform in its recording.
    """
    n_fft = _n_fft(sample_rate)
    hop = n_fft // 4
    columns = max(1, len(waveform) // hop)
    each = -(-columns // WIDEST)  # columns of the transform in one of the picture
    columns = -(-columns // each)
    needed = (columns * each - 1) * hop + n_fft
    padded = np.pad(waveform, (n_fft // 2, max(0, needed - len(waveform) - n_fft // 2)))
    frames = sliding_window_view(padded, n_fft)[::hop][: columns * each]
    window = np.hanning(n_fft + 1)[:-1].astype(np.float32)
    filters = _filters(sample_rate, n_fft)
    power = np.empty((HEIGHT, columns), np.float32)
    for first in range(0, columns, _COLUMNS_AT_ONCE):
        part = frames[first * each : (first + _COLUMNS_AT_ONCE) * each] * window
        levels = np.abs(np.asarray(rfft(part))) ** 2 @ filters  # (frames, rows)
        pooled = levels.reshape(-1, each, HEIGHT).max(1)
        power[:, first : first + _COLUMNS_AT_ONCE] = pooled.T
    decibel = 10 * np.log10(power + 1e-12)
    end_s = start_s + columns * each * hop / sample_rate
    return _picture(decibel, (start_s, end_s), _range_hz(sample_rate))


def model_picture(
    frontend: LogMel | EncoderFrontend,
    waveform: np.ndarray,
    start_s: float,
    range_hz: tuple[float, float],
) -> Picture:
    """What a network is given: the bands and frames of its own front end, on the same axis.

    Args:
        frontend: of the recogniser; of an encoder's, see `drawn_by`.
        waveform: (samples,) at its sample rate.
        start_s: of the waveform in its recording.
        range_hz: where the picture begins and ends, as that of `display_picture`; the front end may
            cover less.
    """
    frontend = drawn_by(frontend)
    with torch.inference_mode():
        samples = torch.from_numpy(waveform).to(frontend.window.device)
        bands = in_db(frontend, frontend(samples[None])[0, 0].cpu().numpy())  # (mels, frames)
    centres = _centres(range_hz)
    covered = (centres >= frontend.f_min) & (centres <= frontend.f_max)
    rows = np.asarray(frontend.band_of(centres.tolist())).astype(int).clip(0, len(bands) - 1)
    decibel = np.where(covered[:, None], bands[rows], bands.min())
    first = -frontend.hop_s / 2 if frontend.center else 0.0  # a frame is drawn around its middle
    times_s = start_s + first, start_s + first + frontend.hop_s * decibel.shape[1]
    return _picture(decibel, times_s, range_hz)


def _picture(
    decibel: np.ndarray, times_s: tuple[float, float], range_hz: tuple[float, float]
) -> Picture:
    step_db = LEVELS_DB / 255
    levels = np.clip(255 + (decibel - decibel.max()) / step_db, 0, 255).astype(np.uint8)
    low, high = (int(one) for one in np.percentile(levels, _SHOWN_PERCENT))
    file = BytesIO()
    Image.fromarray(levels).save(file, "PNG", compress_level=1)
    return Picture(file.getvalue(), *times_s, *range_hz, low, max(high, low + 1), step_db)


def _n_fft(sample_rate: int) -> int:
    return int(np.clip(2 ** round(np.log2(_WINDOW_S * sample_rate)), 256, 1024))


def _range_hz(sample_rate: int) -> tuple[float, float]:
    return _LOWEST_BIN * sample_rate / _n_fft(sample_rate), sample_rate / 2


def _centres(range_hz: tuple[float, float]) -> np.ndarray:
    """(rows,): the frequency of every row of a picture, from its top."""
    low, high = range_hz
    return low * (high / low) ** (1 - (np.arange(HEIGHT) + 0.5) / HEIGHT)


@lru_cache(maxsize=8)
def _filters(sample_rate: int, n_fft: int) -> np.ndarray:
    """(bins, rows): triangles as wide as a row or, where that is narrower, as a bin."""
    range_hz = _range_hz(sample_rate)
    centres, bin_hz = _centres(range_hz), sample_rate / n_fft
    row = (range_hz[1] / range_hz[0]) ** (1 / HEIGHT)
    widths = np.maximum(centres * (row - 1), bin_hz)
    bins = np.arange(n_fft // 2 + 1) * bin_hz
    triangles = np.maximum(0, 1 - np.abs(bins[:, None] - centres) / widths)
    return (triangles / triangles.sum(0)).astype(np.float32)
