"""Pictures of the detections in recordings: boxes with names on the spectrogram."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pandas as pd

from rfcx_audio.data import Recordings, file_name
from rfcx_audio.scores import Scores
from rfcx_audio.scoring import Recogniser, draw_recording, drawn_by
from rfcx_audio.whole_files import save_picture, write_atomically

_SHOWN_S = 60.0
_BEFORE_S = 2.0  # of the first event


def draw_events(
    events: pd.DataFrame,
    scores: Scores,
    recordings: Recordings,
    recogniser: Recogniser,
    folder: Path,
) -> None:
    """A picture of each recording with events: a minute from the first one on.

    Args:
        events: `recording_id`, `species_id`, `t_min`, `t_max` (s), `f_min`, `f_max` (Hz).
        scores: of the windows, drawn below the spectrogram.
        recordings: the audio.
        recogniser: whose reader and front end make the spectrograms.
        folder: to write `<recording>.png` into.
    """
    frontend, durations_s = drawn_by(recogniser.frontend), recordings.durations_s
    band = frontend.f_min, frontend.f_max
    for key, found in events.groupby("recording_id"):
        name = str(key)
        latest = max(0.0, durations_s[name] - _SHOWN_S)
        start_s = min(max(0.0, float(found["t_min"].min()) - _BEFORE_S), latest)
        stop_s = min(start_s + _SHOWN_S, durations_s[name])
        inside = found.assign(present=True, f_min=found["f_min"].clip(*band))
        boxes = inside.assign(f_max=found["f_max"].clip(*band))
        windows = scores.rows_of([name]).frame()
        windows = windows[windows["t_min"].between(start_s, stop_s, inclusive="left")]
        waveform = recogniser.reader.read(recordings.paths[name], start_s, stop_s - start_s)
        figure = draw_recording(frontend, waveform, name, boxes, windows, start_s)
        write_atomically(folder / f"{file_name(name)}.png", partial(save_picture, figure))
