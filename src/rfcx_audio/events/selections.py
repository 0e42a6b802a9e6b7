"""Writing events as CSV and Parquet, and for Raven, Audacity, BirdNET's tools and Kaleidoscope."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd

from rfcx_audio.data import RAVEN_COLUMNS, RecordingInfo, file_name, readable_name
from rfcx_audio.events.birdnet import OtherNames, birdnet_selections, birdnet_table
from rfcx_audio.events.kaleidoscope import kaleidoscope_table

FORMATS = ("raven", "audacity", "birdnet", "kaleidoscope")
"""Of the tables for other programs."""

_NAME_FILES = ("raven", "birdnet", "kaleidoscope")


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
            "Begin File": [readable_name(file.name) for file in files],
            "File Offset (s)": events["t_min"],
            "Begin Path": [readable_name(str(file)) for file in files],
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
        file = folder / "raven" / f"{file_name(str(name))}.selections.txt"
        write_tabs(raven_table(part, paths, at_start), file)
    begins_s = starts_together_s(paths, durations_s)
    write_tabs(raven_table(events, paths, begins_s), folder / "raven.selections.txt")


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
        _write(folder / "audacity" / f"{file_name(str(name))}.txt", "".join(lines))


def write_birdnet(
    events: pd.DataFrame,
    paths: Mapping[str, Path],
    durations_s: Mapping[str, float],
    folder: Path,
    others: OtherNames,
) -> None:
    """The tables in which BirdNET-Analyzer combines its results of several files.

    Args:
        events: with the columns of `EVENT_COLUMNS`.
        paths: see `write_raven`.
        durations_s: see `write_raven`.
        folder: receives `birdnet/BirdNET_SelectionTable.txt` for Raven, and
            `birdnet/BirdNET_CombinedTable.csv`.
        others: scientific and common names, where they are known.
    """
    begins_s = starts_together_s(paths, durations_s)
    selections = birdnet_selections(raven_table(events, paths, begins_s), others)
    write_tabs(selections, folder / "birdnet" / "BirdNET_SelectionTable.txt")
    _write_csv(
        birdnet_table(events, paths, others), folder / "birdnet" / "BirdNET_CombinedTable.csv"
    )


def write_events(
    events: pd.DataFrame,
    infos: Mapping[str, RecordingInfo],
    folder: Path,
    formats: Collection[str] = FORMATS,
    others: OtherNames = MappingProxyType({}),
) -> list[str]:
    """Writes `events.csv`, `events.parquet`, and tables for other programs.

    All are sorted by recording and time, and no event ends after its recording. Tables of single
    recordings that an earlier call wrote, and this one does not, are removed.

    Args:
        events: with the columns of `EVENT_COLUMNS`, and others.
        infos: of all recordings, in the order in which Raven opens them (by name).
        folder: receives all files.
        formats: of `FORMATS`.
        others: scientific and common names, where they are known; BirdNET's tables have them.

    Returns:
        The formats left out because they name audio files, and a recording has none.

    Raises:
        ValueError: see `check_formats`.
    """
    check_formats(formats)
    paths = {name: info.path for name, info in infos.items() if info.path is not None}
    durations_s = {name: info.duration_s or 0.0 for name, info in infos.items()}
    events = _sorted_within(events, durations_s)
    _remove_earlier(events, folder)
    _write_csv(events, folder / "events.csv")
    events.to_parquet(folder / "events.parquet", index=False)
    left_out = [one for one in formats if one in _NAME_FILES and len(paths) < len(infos)]
    chosen = set(formats) - set(left_out)
    if "audacity" in chosen:
        write_audacity(events, folder)
    if "raven" in chosen:
        write_raven(events, paths, durations_s, folder)
    if "birdnet" in chosen:
        write_birdnet(events, paths, durations_s, folder, others)
    if "kaleidoscope" in chosen:
        _write_csv(kaleidoscope_table(events, infos), folder / "kaleidoscope" / "cluster.csv")
    return left_out


def _remove_earlier(events: pd.DataFrame, folder: Path) -> None:
    """Removes an earlier call's tables of recordings that have no event any more."""
    before = folder / "events.parquet"
    if not before.exists():
        return
    earlier = set(pd.read_parquet(before, columns=["recording_id"])["recording_id"])
    for name in earlier - set(events["recording_id"]):
        (folder / "raven" / f"{file_name(str(name))}.selections.txt").unlink(missing_ok=True)
        (folder / "audacity" / f"{file_name(str(name))}.txt").unlink(missing_ok=True)


def check_formats(formats: Collection[str]) -> None:
    """Refuses tables for programs that are not among `FORMATS`.

    Raises:
        ValueError: there are such, or a word stands in place of a list.
    """
    if isinstance(formats, str):
        raise ValueError(f"formats={formats} is one word; expected a list: formats=[{formats}]")
    unknown = sorted(set(formats) - set(FORMATS))
    if unknown:
        raise ValueError(f"formats has {', '.join(unknown)}; choose among {', '.join(FORMATS)}")


def _sorted_within(events: pd.DataFrame, durations_s: Mapping[str, float]) -> pd.DataFrame:
    """Sorted events, in millionths of a second as text has them, rounded down at a file's end."""
    ends_s = np.array([durations_s[name] or np.inf for name in events["recording_id"]])
    t_max = np.minimum(events["t_max"].astype(float).round(6), np.floor(ends_s * 1e6) / 1e6)
    events = events.assign(t_min=events["t_min"].astype(float).round(6), t_max=t_max)
    order = {name: place for place, name in enumerate(durations_s)}
    places = events["recording_id"].map(order)
    return (
        events.assign(place=places)
        .sort_values(["place", "t_min", "t_max", "species"], kind="stable", ignore_index=True)
        .drop(columns="place")
    )


def starts_together_s(
    paths: Mapping[str, Path], durations_s: Mapping[str, float]
) -> dict[str, float]:
    """The start of each recording in the sequence of all, s."""
    ends_s = np.cumsum([durations_s[name] for name in paths]).round(6)
    return dict(zip(paths, [0.0, *ends_s], strict=False))


def _write_csv(table: pd.DataFrame, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(path, index=False, float_format="%.6f")


def write_tabs(table: pd.DataFrame, path: Path) -> None:
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
