"""Rows of one species at one time, of which some state presence and others absence."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd

_log = logging.getLogger(__name__)
_KEY = ["recording_id", "species_id"]
_BOX = ["t_min", "t_max", "f_min", "f_max"]


def contradictory(rows: pd.DataFrame) -> pd.DataFrame:
    """The pairs of rows that contradict each other.

    Args:
        rows: as `read_annotations` returns them.

    Returns:
        The columns of a present row and, with the ending `_absent`, of an absent row of its species
        and recording, where both share half of the shorter one's time, and any frequency.
    """
    parts = [rows[rows["present"] == state] for state in (True, False)]
    pairs = parts[0].merge(parts[1], on=_KEY, suffixes=("", "_absent"))
    t_min, t_max, f_min, f_max = (
        (np.minimum if name.endswith("max") else np.maximum)(pairs[name], pairs[f"{name}_absent"])
        for name in _BOX
    )
    shorter = np.minimum(
        pairs["t_max"] - pairs["t_min"], pairs["t_max_absent"] - pairs["t_min_absent"]
    )
    together = (t_max - t_min >= shorter / 2) & (f_max > f_min)
    return pairs[together].reset_index(drop=True)


def warn_of_contradictions(rows: pd.DataFrame) -> None:
    """Counts the contradictions in the log, and names the first."""
    pairs = contradictory(rows)
    if pairs.empty:
        return
    first = pairs.iloc[0].to_dict()
    _log.warning(
        "%d pairs of rows contradict each other, the first in %r at %g s, present in %s and absent "
        "in %s: the species counts as present there; remove the wrong row",
        *(len(pairs), first["recording_id"], first["t_min"]),
        *(f"{first.get('source' + end)} line {first.get('line' + end)}" for end in ("", "_absent")),
    )
