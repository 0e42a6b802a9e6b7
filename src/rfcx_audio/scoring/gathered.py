"""The scores of recordings one by one, put together."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from torch import Tensor

from rfcx_audio.data import AudioError, FrameScores
from rfcx_audio.scores import Scores

if TYPE_CHECKING:
    from rfcx_audio.scoring.recogniser import Recogniser

_log = logging.getLogger(__name__)


class RecordingScores(NamedTuple):
    """The scores of one recording, on the CPU.

    Attributes:
        clip: (windows, species) in [0, 1].
        starts_s: (windows,) s.
        frame: (windows, the detector's frames, species); None unless asked for.
    """

    clip: Tensor
    starts_s: Tensor
    frame: Tensor | None


def gathered(
    recogniser: Recogniser,
    outcomes: Iterable[tuple[str, RecordingScores | AudioError]],
    alone: bool = False,
) -> tuple[Scores, dict[str, FrameScores]]:
    """The scores of windows of all recordings, and by recording those of frames.

    Args:
        recogniser: which scored them.
        outcomes: by recording, the scores or why there are none; those are left out.
        alone: whether there is a single one, whose error is raised.

    Raises:
        AudioError: the single recording cannot be read.
    """
    failures: dict[str, str] = {}
    metadata = {**recogniser.settings(), "failures": failures}
    species, windows = recogniser.species, recogniser.windows
    nothing = np.empty((0, len(species)))
    found, frames = [Scores.of_windows("", [], 0.0, nothing, metadata, species)], {}
    for name, outcome in outcomes:
        if isinstance(outcome, AudioError):
            if alone:
                raise outcome
            _log.warning("left out %s: %s", name, outcome)
            failures[name] = str(outcome)
            continue
        starts_s, clip = outcome.starts_s.numpy(), outcome.clip.numpy()
        of_windows = (name, starts_s, windows.duration_s, clip)
        found.append(Scores.of_windows(*of_windows, species=species))
        if outcome.frame is not None:
            frame = outcome.frame.numpy()
            frame_s = windows.num_frames(recogniser.frontend) * recogniser.frontend.hop_s
            frames[name] = FrameScores(starts_s, frame_s / frame.shape[1], frame)
    return Scores.concatenate(found), frames
