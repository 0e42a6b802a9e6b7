"""A user's own labels: Raven, Audacity and CSV tables, brought to the same columns."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PureWindowsPath

import numpy as np
import pandas as pd

from rfcx_audio.data.audio import AUDIO_SUFFIXES
from rfcx_audio.data.rows import AnnotationError, few, listing
from rfcx_audio.data.table_text import frame_of, text_of

TABLE_SUFFIXES = (".csv", ".tsv", ".txt")
RAVEN_COLUMNS = (
    "Selection",
    "View",
    "Channel",
    "Begin Time (s)",
    "End Time (s)",
    "Low Freq (Hz)",
    "High Freq (Hz)",
    "Begin File",
    "File Offset (s)",
    "Begin Path",
    "Species",
    "Score",
)
"""Of the selection tables that this library writes."""

ALIASES: dict[str, tuple[str, ...]] = {
    "recording_id": (
        *("recording_id", "recording", "begin path", "begin file", "file", "filename"),
        *("file name", "file_name", "audio_file", "path"),
    ),
    "species": (
        *("species", "species name", "species_name", "common name", "common_name", "annotation"),
        *("label", "labels", "tag", "tags", "class", "name", "scientific name", "species code"),
        *("species_id",),
    ),
    "songtype_id": ("songtype_id", "songtype"),
    "t_min": (
        *("t_min", "begin time (s)", "start (s)", "start_s", "start_time", "start time", "start"),
        *("onset", "onset_s", "begin"),
    ),
    "t_max": (
        *("t_max", "end time (s)", "end (s)", "end_s", "end_time", "end time", "end", "stop"),
        *("offset", "offset_s"),
    ),
    "f_min": ("f_min", "low freq (hz)", "low_f", "low freq", "low_freq", "min_freq", "freq_low"),
    "f_max": ("f_max", "high freq (hz)", "high_f", "high freq", "high_freq", "max_freq"),
    "present": ("present", "is_present", "tp"),
    "file_offset": ("file offset (s)",),
}
"""By field, the names that its column may have, in any case; the first that is there is read."""

_NUMBER = r"-?\d+(?:[.,]\d+)?(?:e-?\d+)?"
_AUDACITY = re.compile(rf"{_NUMBER}\t{_NUMBER}(\t|$)", re.IGNORECASE)
_ENDINGS = re.compile(
    r"(\.Table\.\d+|\.BirdNET)?(\.selections?)?(\.table|\.results|\.labels?)?$", re.IGNORECASE
)


def read_tables(
    place: Path,
    columns: Mapping[str, str | None] | None = None,
    passed_over: tuple[Path, ...] = (),
) -> pd.DataFrame:
    """The rows of one table or of a folder of them, as text.

    What a file is shows in its first line: an Audacity label track begins with two numbers, a
    Raven selection table has a column `Selection`, other tables have column names too, and commas,
    semicolons or tabs between them.

    Args:
        place: a file, or a folder whose files `*.csv`, `*.tsv` and `*.txt` are all read.
        columns: name of the column by field (a key of `ALIASES`); where it is missing or None, the
            names of `ALIASES` are looked for.
        passed_over: files of the folder that are no tables of labels.

    Returns:
        `recording_id`, `species`, `songtype_id`, `t_min`, `f_min`, `t_max`, `f_max`, `present`
        (text, empty where the table has none), `path` and `line`. Times are those within the
        recording. A table that names no recording is about the one that it is named after.

    Raises:
        AnnotationError: there is no table, or a file is none, lacks a column, or has no
            times within its recordings.
    """
    columns = {field: name for field, name in (columns or {}).items() if name is not None}
    unknown = set(columns) - set(ALIASES)
    if unknown:
        raise AnnotationError(
            f"columns has {', '.join(sorted(unknown))}; it can name {', '.join(ALIASES)}"
        )
    paths = [Path(place)]
    if Path(place).is_dir():
        leave = {path.resolve() for path in passed_over}
        paths = [
            path
            for path in sorted(Path(place).iterdir())
            if path.suffix.lower() in TABLE_SUFFIXES and path.resolve() not in leave
        ]
    if not paths:
        raise AnnotationError(
            f"{place} holds no table of labels; expected files {', '.join(TABLE_SUFFIXES)}"
        )
    tables, faults = [], []
    for path in paths:
        try:
            tables.append(_read(path, columns))
        except AnnotationError as error:
            faults.append(str(error))
    if faults:
        raise AnnotationError(listing(faults))
    return pd.concat(tables, ignore_index=True)


def _read(path: Path, columns: Mapping[str, str]) -> pd.DataFrame:
    """One table as text, see `read_tables`."""
    content = text_of(path)
    first = content.lstrip("\r\n").partition("\n")[0]
    if _AUDACITY.match(first) or not content.strip():
        table = _audacity(path, content)
    else:
        separator = next((mark for mark in "\t;" if mark in first), ",")
        table = _named(path, frame_of(path, content, separator), columns)
    table["recording_id"] = table["recording_id"].map(_recording)
    return table.assign(path=str(path))


def _audacity(path: Path, content: str) -> pd.DataFrame:
    """A label track: start, end, label; below it, where there are any, a backslash and a band."""
    rows: list[dict[str, object]] = []
    for line, words in enumerate(content.splitlines(), start=1):
        cells = [cell.strip() for cell in words.split("\t")]
        if not words.strip():
            continue
        if cells[0] == "\\" and len(cells) == 3 and rows:
            rows[-1] |= {"f_min": cells[1], "f_max": cells[2]}
        elif len(cells) in (2, 3):
            label = cells[2] if len(cells) == 3 else ""
            row: dict[str, object] = {
                "line": line,
                "t_min": cells[0],
                "t_max": cells[1],
                "species": label,
            }
            rows.append({**dict.fromkeys(ALIASES, ""), **row})
        else:
            raise AnnotationError(
                f"{path} line {line}: {words!r} is neither start, end, label nor a backslash, low "
                "and high frequency, with tabs between them; export the label track again"
            )
    table = pd.DataFrame(rows, columns=["line", *ALIASES])
    for column in ("t_min", "t_max", "f_min", "f_max"):
        # Where the comma is the decimal sign, Audacity writes it.
        table[column] = table[column].astype(str).str.replace(",", ".", regex=False)
    named_after = table.assign(recording_id=_named_after(path))
    return named_after.drop(columns="file_offset")


def _named(path: Path, text: pd.DataFrame, columns: Mapping[str, str]) -> pd.DataFrame:
    """A table with column names: Raven's, or any with commas, semicolons or tabs."""
    found = {field: _column(path, text, field, columns.get(field)) for field in ALIASES}
    missing = [field for field in ("species", "t_min", "t_max") if found[field] is None]
    if missing:
        likely = "; ".join(f"{field}: {', '.join(ALIASES[field][:6])}, …" for field in missing)
        raise AnnotationError(
            f"{path} line 1 has no column for {', '.join(missing)}; it has "
            f"{', '.join(text.columns.drop('line'))}. Rename one ({likely}) or name it with "
            f"data.source.columns.{missing[0]}=…"
        )
    table = pd.DataFrame({"line": text["line"]})
    for field, column in found.items():
        table[field] = "" if column is None else text[column]
    if found["recording_id"] is None:
        table["recording_id"] = _named_after(path)
    has_offset = found["file_offset"] is not None
    if "Selection" in text:
        table = _one_view(table, text)
    if "Selection" in text or has_offset:
        _within_files(path, table, has_offset)
    return table.drop(columns="file_offset")


def _one_view(table: pd.DataFrame, text: pd.DataFrame) -> pd.DataFrame:
    """One row a selection: Raven lists it once for each view and channel.

    Only a spectrogram's row has frequencies, so that one is kept.
    """
    if "View" not in text:
        return table
    keys = table[["recording_id", "t_min", "t_max", "file_offset", "species"]]
    keys = keys.assign(selection=text["Selection"])
    waveforms_last = text["View"].str.startswith("Waveform").sort_values(kind="stable").index
    return table.loc[keys.loc[waveforms_last].drop_duplicates().index].sort_index()


def _within_files(path: Path, table: pd.DataFrame, has_offset: bool) -> None:
    """Raven counts begin and end from the start of the first file that was opened with others."""
    if not has_offset:
        recordings = sorted(table["recording_id"].map(_recording).unique())
        if len(recordings) > 1:
            raise AnnotationError(
                f"{path} line 1 lacks the column File Offset (s), and the table names "
                f"{len(recordings)} files ({few(recordings)}), so that its times may count from "
                "the start of the first; add the measurement File Offset in Raven and save again"
            )
        return
    begin, end, offset = (
        pd.to_numeric(table[name], errors="coerce") for name in ("t_min", "t_max", "file_offset")
    )
    t_max = offset + end - begin
    sums = table["file_offset"] + " + " + table["t_max"] + " - " + table["t_min"]
    table["t_max"] = t_max.astype(str).where(np.isfinite(t_max), sums)
    table["t_min"] = table["file_offset"]


def _column(path: Path, text: pd.DataFrame, field: str, chosen: str | None) -> str | None:
    """The column that a field is read from."""
    if chosen is not None:
        if chosen not in text or chosen == "line":
            raise AnnotationError(
                f"{path} line 1 lacks the column {chosen!r} that data.source.columns.{field} "
                f"names; it has {', '.join(text.columns.drop('line'))}"
            )
        return chosen
    by_name = {name.lower(): name for name in reversed(text.columns.drop("line"))}
    return next((by_name[name] for name in ALIASES[field] if name in by_name), None)


def _named_after(path: Path) -> str:
    """The recording that a table is about by its own name, as Raven and Audacity users name it."""
    return _ENDINGS.sub("", path.stem)


def _recording(name: str) -> str:
    """The id of a recording: the file's name without folders and without the ending of audio."""
    inner = PureWindowsPath(name)  # knows both kinds of slashes
    return inner.stem if inner.suffix.lower() in AUDIO_SUFFIXES else inner.name
