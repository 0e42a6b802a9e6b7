"""Which candidates of a queue have been answered before, by verdicts or labels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from rfcx_audio.queues.frame import ROUNDING_S, Frame
from rfcx_audio.scores import RECORDING
from rfcx_audio.verdicts import VerdictStore, settled

_MIN_OVERLAP = 0.5  # of the shorter one: what was answered there is answered here
_PAIR = (*RECORDING, "species")


class Earlier(NamedTuple):
    """What is known of the candidates of a frame.

    Attributes:
        clip: (candidates,) number of the clip of the store that is the very same stretch and
            species, and was answered; -1 where there is none.
        overlaps: (candidates,) whether an answered clip, or a label, of the species shares half of
            the time of the shorter one.
    """

    clip: np.ndarray
    overlaps: np.ndarray

    def rows(self, which: np.ndarray) -> Earlier:
        """Of some of the candidates."""
        return Earlier(self.clip[which], self.overlaps[which])


def nothing(frame: Frame) -> Earlier:
    """Where no candidate has been answered."""
    return Earlier(np.full(len(frame.table), -1), np.zeros(len(frame.table), bool))


def earlier_answers(frame: Frame, store: VerdictStore, unsure: bool = False) -> Earlier:
    """What the verdicts of a store answer of a frame.

    Args:
        frame: the candidates.
        store: of all earlier queues.
        unsure: whether to pass over answers that leave open whether the species is there.
    """
    answers = store.answers()
    answers = settled(answers) if unsure else answers
    times = {"clip_t_min": "t_min", "clip_t_max": "t_max"}
    known = answers[["clip", *_PAIR, *times]].rename(columns=times).drop_duplicates("clip")
    return shared(frame.table, known)


def shared(table: pd.DataFrame, known: pd.DataFrame) -> Earlier:
    """Which rows are those of another table, or share half of the shorter one's time with one.

    Args:
        table: `recording_id`, `species`, `t_min`, `t_max` (s).
        known: the same columns; `clip` where its rows are clips of a store.
    """
    found = Earlier(np.full(len(table), -1), np.zeros(len(table), bool))
    near = np.ones(len(table), bool)
    for name in _PAIR:
        near &= table[name].isin(known[name].unique()).to_numpy()
    places = np.flatnonzero(near)
    groups = table.iloc[places].groupby(list(_PAIR), observed=True).indices
    starts, ends = (table[name].to_numpy(float) for name in ("t_min", "t_max"))
    clips = known["clip"] if "clip" in known else np.full(len(known), -1)
    columns = (known[name] for name in (*_PAIR, "t_min", "t_max"))
    for recording, species, t_min, t_max, clip in zip(*columns, clips, strict=True):
        rows = places[groups.get((recording, species), np.array([], int))]
        both = np.minimum(ends[rows], t_max) - np.maximum(starts[rows], t_min)
        shorter = np.minimum(ends[rows] - starts[rows], t_max - t_min)
        found.overlaps[rows[both >= _MIN_OVERLAP * shorter - ROUNDING_S]] = True
        same = np.abs(starts[rows] - t_min) + np.abs(ends[rows] - t_max) <= 2 * ROUNDING_S
        found.clip[rows[same]] = clip
    return found
