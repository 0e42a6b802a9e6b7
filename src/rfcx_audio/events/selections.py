"""Writing events for Raven and Audacity, as CSV and as Parquet."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from rfcx_audio.data import RAVEN_COLUMNS


def raven_table(
    events: pd.DataFrame, paths: Mapping[str, Path], begins_s: Mapping[str, float]
) -> pd.DataFrame:
    """A Raven selection table.

    If sounds are open, Raven uses `Begin Time (s)`, relative to the start of the first sound. If
    the table is opened alone, it uses `Begin Path` and `File Offset (s)`, relative to the start of
    that file. The table has both.

    Args:
        events: with the columns of `EVENT_COLUMNS`.
        paths: audio files by recording.
        begins_s: start of each recording in the sequence of sounds opened together, s.

    Returns:
        The columns of `RAVEN_COLUMNS`, in the order of time.
    """
    begin = events["recording_id"].map(dict(begins_s)).astype(float)
    files = [paths[name].resolve() for name in events["recording_id"]]
    table = pd.DataFrame(
        {
            "View": "Spectrogram 1",
            "Channel": 1,
            "Begin Time (s)": begin + events["t_min"],
            "End Time (s)": begin + events["t_max"],
            "Low Freq (Hz)": events["f_min"],
            "High Freq (Hz)": events["f_max"],
            "Begin File": [file.name for file in files],
            "File Offset (s)": events["t_min"],
            "Begin Path": [str(file) for file in files],
            "Species": [_one_line(name) for name in events["species"]],
            "Score": events["score"],
        }
    ).sort_values("Begin Time (s)", kind="stable", ignore_index=True)
    table.insert(0, "Selection", np.arange(1, len(table) + 1))
    return table[list(RAVEN_COLUMNS)]


def write_raven(
    events: pd.DataFrame, paths: Mapping[str, Path], durations_s: Mapping[str, float], folder: Path
) -> None:
    """A Raven table for each recording with events, and one for all recordings opened together.

    Args:
        events: with the columns of `EVENT_COLUMNS`.
        paths: of all recordings, in the order in which Raven opens them (by name).
        durations_s: of the same recordings, s.
        folder: receives `raven/<recording>.selections.txt` and `raven.selections.txt`.
    """
    at_start = dict.fromkeys(paths, 0.0)
    for name, part in events.groupby("recording_id"):
        file = folder / "raven" / f"{name}.selections.txt"
        _write_tabs(raven_table(part, paths, at_start), file)
    ends_s = np.cumsum([durations_s[name] for name in paths])
    begins_s = dict(zip(paths, [0.0, *ends_s], strict=False))
    _write_tabs(raven_table(events, paths, begins_s), folder / "raven.selections.txt")


def write_audacity(events: pd.DataFrame, folder: Path) -> None:
    """An Audacity label track with frequencies for each recording with events.

    Args:
        events: with the columns of `EVENT_COLUMNS`.
        folder: receives `audacity/<recording>.txt`.
    """
    for name, part in events.groupby("recording_id"):
        lines = [
            f"{row.t_min:.6f}\t{row.t_max:.6f}\t{_one_line(str(row.species))}\n"
            f"\\\t{row.f_min:.6f}\t{row.f_max:.6f}\n"
            for row in part.itertuples()
        ]
        _write(folder / "audacity" / f"{name}.txt", "".join(lines))


def write_events(
    events: pd.DataFrame,
    paths: Mapping[str, Path],
    durations_s: Mapping[str, float],
    folder: Path,
) -> None:
    """Writes `events.csv`, `events.parquet`, and the tables for Audacity and Raven.

    Args:
        events: with the columns of `EVENT_COLUMNS`.
        paths: see `write_raven`; if empty, no Raven tables are written, as they name audio files.
        durations_s: see `write_raven`.
        folder: receives all files.
    """
    events.to_csv(folder / "events.csv", index=False, float_format="%.6f")
    events.to_parquet(folder / "events.parquet", index=False)
    write_audacity(events, folder)
    if paths:
        write_raven(events, paths, durations_s, folder)


def _write_tabs(table: pd.DataFrame, path: Path) -> None:
    """Writes tab-separated text without quotes, which Raven and Audacity do not support."""
    lines = ["\t".join(table.columns)]
    for row in table.itertuples(index=False):
        cells = (f"{cell:.6f}" if isinstance(cell, float) else str(cell) for cell in row)
        lines.append("\t".join(cells))
    _write(path, "\n".join(lines) + "\n")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)  # ids of nested folders hold slashes
    path.write_text(text, encoding="utf-8")


def _one_line(name: str) -> str:
    return " ".join(name.split())
