"""Pictures of sounds for the page of a recipe: held-out recordings, and the highest scores."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import shorten

import numpy as np
import pandas as pd

from rfcx_audio.data import probe
from rfcx_audio.scores import Scores
from rfcx_audio.scoring import Recogniser, draw_recording, drawn_by, stretch_of
from rfcx_audio.scoring.sounds_picture import draw_sounds
from rfcx_audio.whole_files import save_picture

_RECORDINGS, _SOUNDS = 3, 24
_TITLE = 44  # characters that fit above a sound


def draw_held_out(
    recogniser: Recogniser,
    oof: Scores,
    rows: pd.DataFrame,
    paths: Mapping[str, Path],
    folder: Path,
) -> list[Path]:
    """Spectrograms of the recordings with most confirmed rows, with these and their scores.

    Args:
        recogniser: of one of the folds, whose reader and front end make the spectrograms.
        oof: out-of-fold scores.
        rows: of the tables.
        paths: audio by recording.
        folder: for the pictures.
    """
    counts = rows[rows["present"]].groupby("recording_id").size()
    counts = counts[counts.index.isin(oof.recordings) & counts.index.isin(list(paths))]
    drawn = []
    for number, name in enumerate(counts.sort_values(ascending=False, kind="stable").index):
        if number == _RECORDINGS:
            break
        own = rows[rows["recording_id"] == name]
        start_s, duration_s = stretch_of(probe(paths[name]).duration_s, own)
        waveform = recogniser.reader.read(paths[name], start_s, duration_s)
        scores = oof.rows_of([name]).frame()
        end_s = start_s + len(waveform) / recogniser.reader.sample_rate
        scores = scores[(scores["t_max"] > start_s) & (scores["t_min"] < end_s)]
        figure = draw_recording(
            *(drawn_by(recogniser.frontend), waveform, f"{name} (held out)", own, scores, start_s),
            species=oof.species,
        )
        drawn.append(folder / f"held_out_{number}.png")
        save_picture(figure, drawn[-1])
    return drawn


def draw_highest(
    recogniser: Recogniser, scores: Scores, paths: Mapping[str, Path], picture: Path
) -> None:
    """The window with the highest score of each species, highest first, at most 24 species.

    Args:
        recogniser: whose reader reads them.
        scores: of windows.
        paths: audio by recording.
        picture: to write.
    """
    highest = scores.values.argmax(0)  # (species,)
    values = scores.values[highest, np.arange(len(scores.species))]
    sounds = {}
    for species in np.argsort(-values, kind="stable")[:_SOUNDS]:
        name, start_s, end_s = scores.keys.iloc[highest[species]]
        title = shorten(scores.species[species], _TITLE - 7, placeholder="…")
        where = f"{str(name)[-_TITLE + 12 :]}, {start_s:.1f} s"
        waveform = recogniser.reader.read(paths[str(name)], start_s, end_s - start_s)
        sounds[f"{title}: {values[species]:.2f}\n{where}"] = waveform
    save_picture(draw_sounds(sounds, recogniser.reader.sample_rate), picture)
