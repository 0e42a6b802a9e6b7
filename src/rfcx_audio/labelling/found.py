"""What a labelling finds: time windows of species, completed to annotation boxes, and measured."""

from __future__ import annotations

import numpy as np
import pandas as pd

from rfcx_audio.data import species_bands

FOUND_COLUMNS = ("recording_id", "species_id", "t_min", "t_max", "present", "weight", "score")
_KEY = ["recording_id", "species_id"]


def in_order(found: pd.DataFrame) -> pd.DataFrame:
    """The columns of `FOUND_COLUMNS`, sorted by recording, time and species."""
    return found[list(FOUND_COLUMNS)].sort_values(
        ["recording_id", "t_min", "species_id"], kind="stable", ignore_index=True
    )


def with_bands(found: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """What was found, with `songtype_id`, `f_min` and `f_max` (Hz).

    Each species has one band for all its rows, the union of its boxes in the tables, for a box of
    its own would give present or absent away. Its song is its commonest one.

    Args:
        found: with the columns of `FOUND_COLUMNS`.
        rows: as `read_rfcx` returns them; a species that has none has no band and loses what was
            found of it.
    """
    return found.merge(species_bands(rows), on="species_id")


def against_truth(found: pd.DataFrame, calls: pd.DataFrame) -> dict[str, float]:
    """How right pseudo rows are, where every call is known.

    Args:
        found: `recording_id`, `species_id`, `t_min`, `t_max`, `present`.
        calls: every call of the recordings (`recording_id`, `species_id`, `t_min`, `t_max`).

    Returns:
        `precision`, the share of rows that are right: present and a call of the species touches
        them, or absent and none does; NaN without rows. `calls_found`, the calls that a present
        row of their species touches, of `calls`, their number.
    """
    numbered = found.assign(row=np.arange(len(found)))
    calls = calls.assign(call=np.arange(len(calls)))
    pairs = numbered.merge(
        calls[[*_KEY, "t_min", "t_max", "call"]], on=_KEY, suffixes=("", "_call")
    )
    touch = (pairs["t_min"] < pairs["t_max_call"]) & (pairs["t_max"] > pairs["t_min_call"])
    pairs = pairs[touch]
    right = numbered["row"].isin(pairs["row"]) == numbered["present"]
    return {
        "precision": float(right.mean()) if len(numbered) else float("nan"),
        "calls_found": pairs.loc[pairs["present"].astype(bool), "call"].nunique(),
        "calls": len(calls),
    }
