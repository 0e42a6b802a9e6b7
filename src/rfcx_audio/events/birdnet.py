"""Events in the columns of BirdNET-Analyzer's tables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import pandas as pd

from rfcx_audio.data import readable_name

SELECTION_COLUMNS = (
    *("Selection", "View", "Channel", "Begin Time (s)", "End Time (s)", "Low Freq (Hz)"),
    *("High Freq (Hz)", "Common Name", "Species Code", "Confidence", "Begin Path"),
    "File Offset (s)",
)
"""Of its selection tables, which Raven opens."""

OtherNames: TypeAlias = Mapping[str, Mapping[str, str]]
"""`scientific_name` and `common_name` by the name of a species, where they are known."""

RESULT_COLUMNS = ("Start (s)", "End (s)", "Scientific name", "Common name", "Confidence", "File")
"""Of its CSV results."""


def birdnet_selections(raven: pd.DataFrame, others: OtherNames) -> pd.DataFrame:
    """A selection table in BirdNET's columns.

    Args:
        raven: as `raven_table` returns it; the name of the species is its code.
        others: common names; without one, the name of the species stands for it.

    Returns:
        The columns of `SELECTION_COLUMNS`.
    """
    table = raven.rename(columns={"Species": "Species Code", "Score": "Confidence"})
    table["Common Name"] = _named(raven["Species"], "common_name", others)
    return table[list(SELECTION_COLUMNS)]


def birdnet_table(
    events: pd.DataFrame, paths: Mapping[str, Path], others: OtherNames
) -> pd.DataFrame:
    """A table of results in BirdNET's columns.

    Args:
        events: with the columns of `EVENT_COLUMNS`.
        paths: audio files by recording.
        others: scientific and common names; without one, the name of the species stands for it.

    Returns:
        The columns of `RESULT_COLUMNS`, in the order of the events.
    """
    return pd.DataFrame(
        {
            "Start (s)": events["t_min"],
            "End (s)": events["t_max"],
            "Scientific name": _named(events["species"], "scientific_name", others),
            "Common name": _named(events["species"], "common_name", others),
            "Confidence": events["score"],
            "File": [readable_name(str(paths[name].resolve())) for name in events["recording_id"]],
        },
        columns=pd.Index(RESULT_COLUMNS),
    )


def _named(species: pd.Series, which: str, others: OtherNames) -> list[str]:
    return [" ".join(others.get(name, {}).get(which, name).split()) for name in species.astype(str)]
