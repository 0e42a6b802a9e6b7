"""Recordings to scores, with one recogniser."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from rich.progress import track
from torch.utils.data import DataLoader

from rfcx_audio.batch import Failure
from rfcx_audio.data import FileDataset
from rfcx_audio.inference import Recogniser
from rfcx_audio.labelling import FrameScores
from rfcx_audio.method import best_precision
from rfcx_audio.scores import Scores

_log = logging.getLogger(__name__)


class Scored(NamedTuple):
    """The scores of recordings.

    Attributes:
        scores: of all windows.
        failures: recordings that could not be read.
        frames: by recording, of the same windows; empty unless asked for.
    """

    scores: Scores
    failures: list[Failure]
    frames: dict[str, FrameScores]


def score_recordings(
    recogniser: Recogniser,
    paths: dict[str, Path],
    workers: int = 2,
    with_frames: bool = False,
) -> Scored:
    """The scores of every window of every recording; one that cannot be read is passed over.

    Args:
        recogniser: as `load_recogniser` returns it, on any device.
        paths: audio files by recording id.
        workers: processes that read audio.
        with_frames: whether to keep the scores of frames too, for which the detector runs twice.
    """
    device = next(recogniser.parameters()).device
    loader = DataLoader(FileDataset(paths, recogniser.reader), batch_size=None, num_workers=workers)
    nothing = Scores.of_windows(
        "", [], 0.0, np.empty((0, recogniser.num_species)), recogniser.settings()
    )
    found, failures, frames = [nothing], [], {}
    half = best_precision(device.type) == "bf16-mixed"
    for name, waveform in track(loader, "scoring recordings", total=len(paths)):
        if isinstance(waveform, Failure):
            _log.warning("left out %s: %s", *waveform)
            failures.append(waveform)
            continue
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            scores, starts_s = recogniser(waveform.to(device))
            if with_frames:
                of_frames, frame_starts_s, frame_s = recogniser.frames(waveform.to(device))
                frames[name] = FrameScores(
                    frame_starts_s.cpu().numpy(), frame_s, of_frames.cpu().numpy()
                )
        duration_s = recogniser.windows.duration_s
        found.append(
            Scores.of_windows(name, starts_s.cpu().numpy(), duration_s, scores.cpu().numpy())
        )
    return Scored(Scores.concatenate(found), failures, frames)
