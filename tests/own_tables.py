"""Calls written as other programs write them, and the labels that `data=table` reads from them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

from rfcx_audio.config import build, load_config
from rfcx_audio.data import Corpus

RATE = 8000
DURATION_S = 8.0


class Call(NamedTuple):
    """A call of a species in a recording; times in s, frequencies in Hz."""

    recording: str
    species: str
    t_min: float
    t_max: float
    f_min: float
    f_max: float


def write_audio(path: Path) -> Path:
    """A recording of `DURATION_S` at `RATE`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = {"format": "WAV"} if path.suffix.lower() == ".wav" else {}
    soundfile.write(path, np.zeros(round(DURATION_S * RATE)), RATE, **kind)
    return path


def load(root: Path, *words: str, num_species: int = 2) -> Corpus:
    """The corpus that `rfcx-audio train data=table data.root=…` reads."""
    given = ["data=table", f"data.root={root}", f"data.num_species={num_species}", *words]
    source = build(load_config("train", given).data.source)
    source.prepare()
    return source.load()


def as_csv(
    calls: list[Call], names: list[str], mark: str, comma: bool = False, quote: str = ""
) -> list[str]:
    """Lines of a table with column names; `comma`: as the decimal sign; `quote`: around text."""
    text = (lambda word: f"{quote}{word}{quote}") if quote else str
    number = (lambda value: f"{value:.3f}".replace(".", ",")) if comma else "{:.3f}".format
    rows = (
        [text(f"{call.recording}.wav"), text(call.species), *map(number, call[2:])]
        for call in calls
    )
    return [mark.join(map(text, names)), *(mark.join(row) for row in rows)]


def as_raven(calls: list[Call]) -> list[str]:
    """Lines of a selection table of several files, with a row a view."""
    begins = {name: 100.0 * at for at, name in enumerate(sorted({c.recording for c in calls}))}
    header = ["Selection", "View", "Channel", "Begin Time (s)", "End Time (s)", "Low Freq (Hz)"]
    header += ["High Freq (Hz)", "Begin Path", "File Offset (s)", "Annotation"]
    lines = ["\t".join(header)]
    for number, call in enumerate(calls, start=1):
        begin = begins[call.recording]
        times = f"{begin + call.t_min:.3f}\t{begin + call.t_max:.3f}"
        file = f"D:\\night\\{call.recording}.wav\t{call.t_min:.3f}\t{call.species}"
        lines.append(f"{number}\tWaveform 1\t1\t{times}\t\t\t{file}")
        band = f"{call.f_min:.3f}\t{call.f_max:.3f}"
        lines.append(f"{number}\tSpectrogram 1\t1\t{times}\t{band}\t{file}")
    return lines


def as_kaleidoscope(calls: list[Call]) -> list[str]:
    """Lines of a table of begins and durations, with frequencies in a form of its own."""
    rows = (
        f"D:\\rec,.,{c.recording}.wav,{c.t_min:.3f},{c.t_max - c.t_min:.3f},{c.species},"
        f"{c.f_min / 1000:.6f},{c.f_max / 1000:.6f}"
        for c in calls
    )
    names = "INDIR,FOLDER,IN FILE,OFFSET,DURATION,MANUAL ID,Low Freq (kHz),High Freq (kHz)"
    return [names, *rows]


def as_audacity(calls: list[Call]) -> list[str]:
    """Lines of a label track of the one recording that the calls are in."""
    return [
        line
        for c in calls
        for line in (
            f"{c.t_min:.6f}\t{c.t_max:.6f}\t{c.species}",
            f"\\\t{c.f_min:.6f}\t{c.f_max:.6f}",
        )
    ]
