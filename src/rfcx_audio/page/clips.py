"""Of each clip of a queue: its sound with what is around it, and its pictures."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import soundfile

from rfcx_audio.data import AudioError, AudioInfo, AudioReader, probe
from rfcx_audio.page.pictures import Picture, display_picture, model_picture
from rfcx_audio.scoring import Recogniser

LONGEST_S = 60.0
"""Of the sound of a clip, the context among it; the rest of a longer one is not shown."""

FINE, MODEL = "fine", "model"
"""The pictures: for the eye, and what the network is given."""


class Prepared(NamedTuple):
    """What the page shows of a clip.

    Attributes:
        sound: a WAV file, 16 bit, one channel, at the recording's own rate; empty if unreadable.
        start_s: where it begins in the recording.
        pictures: by name, see `FINE` and `MODEL`.
        reason: why there is no sound; empty if there is.
    """

    sound: bytes
    start_s: float
    pictures: Mapping[str, Picture]
    reason: str = ""

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.sound) + sum(len(one.png) for one in self.pictures.values())


class Clips:
    """The clips of a queue, by their number in the store.

    Args:
        table: `VerdictStore.clips` of one queue.
        files: audio by recording id.
        context_s: of sound before and after a clip.
        recogniser: whose front end makes the picture `MODEL`; None for none.
    """

    def __init__(
        self,
        table: pd.DataFrame,
        files: Mapping[str, Path],
        context_s: float = 1.0,
        recogniser: Recogniser | None = None,
    ) -> None:
        self.table = table.set_index("clip", drop=False)
        self.files = files
        self.context_s = context_s
        self.recogniser = recogniser
        self.views = (FINE,) if recogniser is None else (MODEL, FINE)
        self._rows: dict[int, dict[str, Any]] = {
            int(row["clip"]): _plain(row) for row in table.to_dict("records")
        }

    def __contains__(self, number: int) -> bool:
        return number in self._rows

    def about(self, number: int) -> dict[str, Any]:
        """What the page writes beside a clip, as plain JSON."""
        return self._rows[number]

    def prepare(self, number: int) -> Prepared:
        """Reads and draws a clip; what cannot be read has a reason in place of sound."""
        row = self._rows[number]
        path = self.files.get(row["recording_id"])
        if path is None:
            reason = f"recordings=… has no file of the recording {row['recording_id']!r}"
            return Prepared(b"", row["t_min"], {}, reason)
        try:
            return self._read(path, row["t_min"], row["t_max"])
        except AudioError as error:
            return Prepared(b"", row["t_min"], {}, f"{path.name}: {error}")

    def _read(self, path: Path, t_min: float, t_max: float) -> Prepared:
        info = probe(path)
        start_s, duration_s = self._stretch(info, t_min, t_max)
        waveform = AudioReader(info.sample_rate).read(path, start_s, duration_s)
        fine = display_picture(waveform, info.sample_rate, start_s)
        pictures = {FINE: fine}
        if self.recogniser is not None:
            given = self.recogniser.reader.read(path, start_s, duration_s)
            ends = fine.f_min, fine.f_max
            pictures[MODEL] = model_picture(self.recogniser.frontend, given, start_s, ends)
        return Prepared(_wav(waveform, info.sample_rate), start_s, pictures)

    def _stretch(self, info: AudioInfo, t_min: float, t_max: float) -> tuple[float, float]:
        """Start and duration of what is shown, s.

        Raises:
            AudioError: the recording ends before the clip begins.
        """
        if t_min >= info.duration_s:
            raise AudioError(
                f"it ends after {info.duration_s:.1f} s, before the clip begins at {t_min:.1f} s"
            )
        start_s = max(0.0, t_min - self.context_s)
        stop_s = min(info.duration_s, t_max + self.context_s, start_s + LONGEST_S)
        return start_s, stop_s - start_s


def _wav(waveform: np.ndarray, sample_rate: int) -> bytes:
    loudest = float(np.abs(waveform).max(initial=0.0))
    file = BytesIO()
    samples = waveform / loudest if loudest > 1 else waveform  # 16 bit end at 1
    soundfile.write(file, samples, sample_rate, "PCM_16", format="WAV")
    return file.getvalue()


def _plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    kept = ("clip", "recording_id", "species", "t_min", "t_max", "f_min", "f_max", "score")
    found = {name: row[name] for name in (*kept, "site", "clock")}
    found["clip"] = int(found["clip"])
    return {name: None if pd.isna(value) else value for name, value in found.items()}
