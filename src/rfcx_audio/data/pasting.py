"""Confirmed calls, cut out of their recordings and pasted onto other sound.

What few rows lack is variety: a species that was confirmed three times stands before three
backgrounds, and a head learns these too. A row has the band and the time of its call, so the call
can be cut out, and put before many others.

Source: mixing isolated sound events into backgrounds to make training examples, as Scaper does,
Salamon et al. (2017), doi:10.1109/WASPAA.2017.8170052, and "copy-paste" of objects in images,
Ghiasi et al. (2021), arXiv:2012.07177. Here the events are the boxes of confirmed rows, and what
else the background holds stays as known or unknown as it was.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.signal import butter, sosfiltfilt

from rfcx_audio.data.audio import AudioError, AudioReader
from rfcx_audio.data.recordings import Recordings

_MARGIN_S, _MARGIN_HZ, _FADE_S = 0.1, 200.0, 0.05  # beyond the box; a box is drawn by hand
_CONTEXT_S = 0.5  # read on either side, for the filter
_LOWEST_HZ, _HIGHEST = 50.0, 0.98  # of what is cut out; the latter as a share of half the rate
_GAIN_DB = 6.0  # louder or softer by up to


@dataclass(frozen=True)
class Pasting:
    """How many windows with pasted calls are made, and how often they are drawn.

    Attributes:
        per_row: windows of each confirmed row; at least 1.
        share: of the crops drawn around a confirmed row, those in which its call is pasted onto
            other sound; in [0, 1].
    """

    per_row: int = 10
    share: float = 0.9

    def __post_init__(self) -> None:
        """Raises ValueError where a setting is out of its range."""
        if self.per_row < 1 or not 0 <= self.share <= 1:
            raise ValueError(
                f"data.pasted: per_row = {self.per_row}, share = {self.share}; expected at least 1 "
                "and 0 to 1; data.pasted=null for none"
            )


class Paste(NamedTuple):
    """One call on one background.

    Attributes:
        row: number in the rows.
        draw: number of the row's windows, from 0.
        background_id: the recording that it is pasted into.
        background_s: s, where the window begins there.
        offset_s: s, from the start of the window to that of the row's box.
        gain_db: of the call.
    """

    row: int
    draw: int
    background_id: str
    background_s: float
    offset_s: float
    gain_db: float


def draw_pastes(
    keys: pd.DataFrame, durations_s: Mapping[str, float], window_s: float, per_row: int
) -> Iterator[Paste]:
    """What each row is pasted into; a row's first windows are the same, however many there are.

    Args:
        keys: of confirmed rows, see `keyed` of `pasted_calls`.
        durations_s: of the recordings that are backgrounds.
        window_s: length of a window.
        per_row: windows of each row.
    """
    names = sorted(durations_s)
    lengths_s = (keys["t_max"] - keys["t_min"]).clip(upper=window_s)
    texts = [",".join(map(str, key)) for key in keys.itertuples(index=False)]
    for number, (key, length_s) in enumerate(zip(texts, lengths_s, strict=True)):
        seed = zlib.crc32(key.encode())
        for draw in range(per_row):
            rng = np.random.default_rng([seed, draw])
            paste = draw_paste(names, durations_s, window_s, length_s, rng)
            yield paste._replace(row=number, draw=draw)


def draw_paste(
    names: Sequence[str],
    durations_s: Mapping[str, float],
    window_s: float,
    length_s: float,
    rng: np.random.Generator,
) -> Paste:
    """What one call is pasted into, and where; its row and draw are 0.

    Args:
        names: of the recordings that may be backgrounds.
        durations_s: of them.
        window_s: length of a window.
        length_s: of the call, at most a window.
        rng: draws it.
    """
    name = names[rng.integers(len(names))]
    begin = rng.uniform(0, max(0.0, durations_s[name] - window_s))
    offset = rng.uniform(0, window_s - length_s)
    return Paste(0, 0, name, begin, offset, rng.uniform(-_GAIN_DB, _GAIN_DB))


def cut_out(
    waveform: np.ndarray, sample_rate: int, f_min: float, f_max: float, context_s: float
) -> np.ndarray:
    """A call alone: its band, faded in and out.

    Args:
        waveform: (samples,) of the call, with sound of `context_s` on either side.
        sample_rate: Hz.
        f_min: Hz, of the row's box.
        f_max: Hz, of the row's box.
        context_s: s.

    Returns:
        (samples,) float32, without the context.
    """
    half = sample_rate / 2
    margin = min(_MARGIN_HZ, half / 4)  # the latter at rates for the lowest voices, as of whales
    lowest = min(_LOWEST_HZ, max(f_min, half / 100))
    low = min(max(f_min - margin, lowest), _HIGHEST * half - margin)
    high = min(max(f_max + margin, low + margin), _HIGHEST * half)
    filters = butter(4, [low / half, high / half], "bandpass", output="sos")
    context = round(context_s * sample_rate)
    call = sosfiltfilt(filters, waveform)[context : len(waveform) - context]
    fade = min(round(_FADE_S * sample_rate), len(call) // 2)
    ramp = np.linspace(0.0, 1.0, fade)
    call[:fade] *= ramp
    call[len(call) - fade :] *= ramp[::-1]
    return call.astype(np.float32)


def pasted_window(
    reader: AudioReader, recordings: Recordings, row: pd.Series, paste: Paste, window_s: float
) -> np.ndarray:
    """The sound of a window with a pasted call: (samples,) float32.

    Args:
        reader: of the audio.
        recordings: those of rows and backgrounds.
        row: with `recording_id`, times in s and frequencies in Hz.
        paste: of this row.
        window_s: length of the window.

    Raises:
        AudioError: one of the two recordings cannot be read; it is named.
    """

    def read(name: str, start_s: float, duration_s: float) -> np.ndarray:
        try:
            return reader.read(recordings.paths[name], start_s, duration_s)
        except AudioError as error:
            raise AudioError(f"{name!r} cannot be read: {error}") from None

    rate = reader.sample_rate
    window = read(paste.background_id, paste.background_s, window_s)
    begin, end = row["t_min"] - _MARGIN_S, row["t_max"] + _MARGIN_S
    begin_s = max(0.0, begin - _CONTEXT_S)
    before = begin - begin_s  # less than the context where the recording begins
    stretch = read(row["recording_id"], begin_s, end + _CONTEXT_S - begin_s)
    missing = reader.num_samples(_CONTEXT_S - before)
    stretch = np.pad(stretch, (missing, 0))
    call = cut_out(stretch, rate, row["f_min"], row["f_max"], _CONTEXT_S)
    call = call * np.float32(10 ** (paste.gain_db / 20))
    place = round((paste.offset_s - _MARGIN_S) * rate)
    first, stop = max(0, place), min(len(window), place + len(call))
    window[first:stop] += call[first - place : stop - place]
    return window
