"""Events in the columns of Kaleidoscope's `cluster.csv`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import pandas as pd

from rfcx_audio.data import RecordingInfo, after, readable_name

KALEIDOSCOPE_COLUMNS = (
    *("INDIR", "FOLDER", "IN FILE", "CHANNEL", "OFFSET", "DURATION", "Fmin", "Fmean", "Fmax"),
    *("DATE", "TIME", "HOUR", "DATE-12", "TIME-12", "HOUR-12"),
    *("TOP1MATCH", "TOP1DIST", "MANUAL ID"),
)
"""Offsets and durations in s, frequencies in Hz; times marked -12 are twelve hours earlier."""

_HALF_DAY_S = 12 * 3600.0


def kaleidoscope_table(events: pd.DataFrame, infos: Mapping[str, RecordingInfo]) -> pd.DataFrame:
    """A table that Kaleidoscope's viewer opens.

    `TOP1MATCH` is the species and `TOP1DIST` one minus the score, as Kaleidoscope ranks by
    distance. `MANUAL ID` is empty: it is the reader's own verdict. `DATE`, `TIME` and `HOUR` are
    those at which the recording began, as in Kaleidoscope's own tables.

    Args:
        events: with the columns of `EVENT_COLUMNS`.
        infos: by recording; each one with events has a path.

    Returns:
        The columns of `KALEIDOSCOPE_COLUMNS`, in the order of the events.
    """
    paths = {name: Path(info.path).resolve() for name, info in infos.items() if info.path}
    above = os.path.commonpath([path.parent for path in paths.values()]) if paths else ""
    events = events.reset_index(drop=True)
    names = list(events["recording_id"])
    files = [paths[name] for name in names]
    times = {name: _times(info.start) for name, info in infos.items()}
    stamps = pd.DataFrame(
        [times[name] for name in names], columns=pd.Index(KALEIDOSCOPE_COLUMNS[9:15])
    )
    table = pd.DataFrame(
        {
            "INDIR": readable_name(str(above)),
            "FOLDER": [_folder(path, above) for path in files],
            "IN FILE": [readable_name(path.name) for path in files],
            "CHANNEL": 0,
            "OFFSET": events["t_min"],
            "DURATION": events["t_max"] - events["t_min"],
            "Fmin": events["f_min"],
            "Fmean": (events["f_min"] + events["f_max"]) / 2,
            "Fmax": events["f_max"],
            **stamps,
            "TOP1MATCH": events["species"],
            "TOP1DIST": 1 - events["score"],
            "MANUAL ID": "",
        }
    )
    return table[list(KALEIDOSCOPE_COLUMNS)]


def _folder(path: Path, above: str) -> str:
    inside = path.parent.relative_to(above).as_posix()
    return "" if inside == "." else readable_name(inside)


def _times(start: datetime | None) -> list[str]:
    if start is None:
        return [""] * 6
    earlier = after(start, -_HALF_DAY_S)
    return [
        text
        for moment in (start, earlier)
        for text in (moment.strftime("%Y-%m-%d"), moment.strftime("%H:%M:%S"), f"{moment.hour}")
    ]
