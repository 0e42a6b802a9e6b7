"""Events in the columns of BirdNET-Analyzer's tables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from rfcx_audio.data import readable_name

SELECTION_COLUMNS = (
    *("Selection", "View", "Channel", "Begin Time (s)", "End Time (s)", "Low Freq (Hz)"),
    *("High Freq (Hz)", "Common Name", "Species Code", "Confidence", "Begin Path"),
    "File Offset (s)",
)
"""Of its selection tables, which Raven opens."""

RESULT_COLUMNS = ("Start (s)", "End (s)", "Scientific name", "Common name", "Confidence", "File")
"""Of its CSV results."""


def birdnet_selections(raven: pd.DataFrame) -> pd.DataFrame:
    """A selection table in BirdNET's columns.

    Args:
        raven: as `raven_table` returns it; the name of the species is also its code.

    Returns:
        The columns of `SELECTION_COLUMNS`.
    """
    names = {"Species": "Common Name", "Score": "Confidence"}
    table = raven.rename(columns=names).assign(**{"Species Code": raven["Species"]})
    return table[list(SELECTION_COLUMNS)]


def birdnet_table(events: pd.DataFrame, paths: Mapping[str, Path]) -> pd.DataFrame:
    """A table of results in BirdNET's columns, in which every name of a species is the same.

    Args:
        events: with the columns of `EVENT_COLUMNS`.
        paths: audio files by recording.

    Returns:
        The columns of `RESULT_COLUMNS`, in the order of the events.
    """
    return pd.DataFrame(
        {
            "Start (s)": events["t_min"],
            "End (s)": events["t_max"],
            "Scientific name": events["species"],
            "Common name": events["species"],
            "Confidence": events["score"],
            "File": [readable_name(str(paths[name].resolve())) for name in events["recording_id"]],
        },
        columns=pd.Index(RESULT_COLUMNS),
    )
