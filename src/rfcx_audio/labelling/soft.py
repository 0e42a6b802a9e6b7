"""Soft pseudo-labels: what teachers expect of every species in every stretch of a recording."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from rfcx_audio.data import SOFT_METADATA, FrameScores, stitch
from rfcx_audio.scores import Scores

_DECIMALS = 3  # teachers round the times of the same windows differently


@dataclass(frozen=True)
class Soft:
    """Every probability of a teacher is a label; what becomes of it is `data.crops.soft`."""

    needs_frames: ClassVar[bool] = True

    def __call__(self, scores: Scores, frames: Mapping[str, FrameScores]) -> Scores:
        """See `span_scores`."""
        return span_scores(scores, frames)


def span_scores(scores: Scores, frames: Mapping[str, FrameScores]) -> Scores:
    """The scores of the shortest stretches of time that a teacher distinguishes.

    Args:
        scores: of windows.
        frames: of the same windows, by recording.

    Returns:
        Scores of frames, where windows have several, each the mean over the windows that hold it;
        else those of windows.
    """
    if not any(one.scores.shape[1] > 1 for one in frames.values()):
        return scores
    found = []
    for name, one in frames.items():
        starts_s = one.edges_s[:-1]
        found.append(Scores.of_windows(name, starts_s, one.frame_s, stitch(one)))
    joined = Scores.concatenate(found)
    return Scores(joined.keys, joined.values, scores.species, scores.metadata)


def mean_scores(tables: Sequence[Scores], teachers_saw: Iterable[str] | None) -> Scores:
    """The mean of the teachers of each stretch; each has the teachers that scored it.

    Args:
        tables: of one teacher each, of the same species and stretches of equal length.
        teachers_saw: the recordings whose labels any of them saw; None: unknown.

    Raises:
        ValueError: the stretches of two teachers differ in length.
    """
    lengths_s = {round(float((t.keys["t_max"] - t.keys["t_min"]).median()), 3) for t in tables}
    if len(lengths_s) > 1:
        found = ", ".join(f"{length:g}" for length in sorted(lengths_s))
        raise ValueError(
            f"the teachers score stretches of {found} s, of which there is no mean; choose "
            "teachers with the same windows and, if they localise, the same bands"
        )
    keys, species = list(tables[0].keys), tables[0].species
    frame = pd.concat([table.frame() for table in tables], ignore_index=True)
    mean = frame.round(dict.fromkeys(keys[1:], _DECIMALS)).groupby(keys, as_index=False).mean()
    saw = None if teachers_saw is None else sorted(teachers_saw)
    metadata = {SOFT_METADATA: {"teachers_saw": saw}}
    values = mean[list(species)].to_numpy(dtype=np.float32)
    return Scores(mean[keys], values, species, metadata)
