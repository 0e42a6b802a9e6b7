"""Rows that end after the end of their recording: what becomes of the rest."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import pandas as pd

_log = logging.getLogger(__name__)
TIME_TOLERANCE_S = 0.05
"""What a row may end after its recording; real tables round to 6 digits or 4 decimals."""


def into_the_next(rows: pd.DataFrame, durations_s: Mapping[str, float]) -> pd.DataFrame:
    """Rows that begin in one file and end in the next label both.

    Args:
        rows: with `recording_id`, `t_min`, `t_max`, and the recording that each ends in,
            `ends_in` (empty where it is not known).
        durations_s: length by recording.

    Returns:
        The rows; behind them the second parts of those that are split, from 0 s on.
    """
    lengths_s = rows["recording_id"].map(dict(durations_s)).astype(float)
    goes_on = rows["ends_in"].isin(list(durations_s)) & (rows["ends_in"] != rows["recording_id"])
    split = goes_on & (rows["t_min"] < lengths_s) & (rows["t_max"] > lengths_s)
    if not split.any():
        return rows
    second = rows[split]
    rest_s = second["t_max"] - lengths_s[split]
    second = second.assign(recording_id=second["ends_in"], t_min=0.0, t_max=rest_s)
    first = rows.assign(t_max=rows["t_max"].where(~split, lengths_s))
    _log.info(
        "%d rows end in the file after the one that they begin in; they label both", len(second)
    )
    return pd.concat([first, second], ignore_index=True)


def cut_at_end(rows: pd.DataFrame, durations_s: Mapping[str, float]) -> pd.DataFrame:
    """Rows that begin within their recording and end after it, cut there and counted in the log.

    Args:
        rows: with `recording_id`, `t_min`, `t_max`, `source`, `line`.
        durations_s: length of their recordings.
    """
    ends = rows["recording_id"].map(dict(durations_s)).astype(float)
    over = (rows["t_min"] < ends) & (rows["t_max"] > ends + TIME_TOLERANCE_S)
    if not over.any():
        return rows
    first = next(rows[over].itertuples())
    _log.warning(
        "%d rows end after their recording and are cut at its end; the first is %s line %s, which "
        "ends at %g s in %r of %g s",
        int(over.sum()),
        *(first.source, first.line, first.t_max, first.recording_id, ends[over].iloc[0]),
    )
    return rows.assign(t_max=rows["t_max"].where(~over, ends))
