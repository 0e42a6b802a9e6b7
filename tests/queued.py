"""Frames with an invented truth, for tests of queues and of estimates from them."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from rfcx_audio.data import RecordingInfo
from rfcx_audio.queues import Frame, frame_of_scores
from rfcx_audio.scores import Scores
from rfcx_audio.verdicts import ABSENT, PRESENT, Verdict, VerdictStore

WINDOW_S, HOP_S, PER_RECORDING = 6.0, 3.0, 10


def scores_of(
    recordings: int, species: tuple[str, ...] = ("owl", "wren", "frog"), seed: int = 0
) -> Scores:
    """Overlapping windows, ten a recording, with scores that are mostly low."""
    starts = np.tile(np.arange(PER_RECORDING) * HOP_S, recordings)
    names = np.repeat([f"night_{n:04d}" for n in range(recordings)], PER_RECORDING)
    keys = pd.DataFrame({"recording_id": names, "t_min": starts, "t_max": starts + WINDOW_S})
    values = np.random.default_rng(seed).random((len(keys), len(species))) ** 3
    return Scores(keys, values, species, {"about": {species[0]: {"band": [300.0, 900.0]}}})


def infos_of(scores: Scores, sites: int = 2) -> dict[str, RecordingInfo]:
    """Recordings an hour apart, at several sites in turns."""
    begin = datetime(2026, 3, 1, 18)
    return {
        name: RecordingInfo(
            site=f"pond_{n % sites}", start=begin + timedelta(hours=n // sites), duration_s=33.0
        )
        for n, name in enumerate(scores.recordings)
    }


def frame(recordings: int = 40, spacing_s: float | None = 0.0, seed: int = 0) -> Frame:
    scores = scores_of(recordings, seed=seed)
    return frame_of_scores(scores, infos_of(scores), spacing_s)


def new_store(folder: Path) -> VerdictStore:
    return VerdictStore.open(folder / "verdicts.sqlite", create=True)


def answer(store: VerdictStore, clips: pd.DataFrame, limit: float = 0.3) -> None:
    """Verdicts of a reviewer for whom a species is there from a score on."""
    store.record(
        Verdict(int(clip), "ana", PRESENT if score >= limit else ABSENT, f"of {clip}")
        for clip, score in zip(clips["clip"], clips["score"], strict=True)
    )
