"""A user's own labels: Raven, Audacity and CSV tables, brought to the same columns."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from rfcx_audio.data.label_track import is_label_track, label_track
from rfcx_audio.data.recordings import without_ending
from rfcx_audio.data.rows import AnnotationError, listing
from rfcx_audio.data.selections import is_selection_table, one_view, within_files
from rfcx_audio.data.table_columns import (
    ALIASES,
    check_columns,
    check_found,
    fields_of,
    find_columns,
)
from rfcx_audio.data.table_text import columns_of, first_line, frame_of, separator_of, text_of
from rfcx_audio.data.verdict_table import verdict_table
from rfcx_audio.verdicts import STORE_NAME, is_verdict_store

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

NO_SPECIES = ("nocall", "no call", "no_call", "NoID", "no ID")
"""Names in place of a species that BirdNET and Kaleidoscope write where there is none."""

PLACE_COLUMNS = ("named", "folder", "own_name", "end_file")
"""Which recording a row is about, until it is found: see `Tables`."""

_OF_SOMETHING_ELSE = ("species.csv", "recordings.csv")  # beside tables of labels
_RESULTS = (".hydra", "failures.csv")  # what each folder of this library's results holds one of
_ENDINGS = re.compile(
    r"(\.Table\.\d+|\.BirdNET)?(\.selections?)?(\.table|\.results|\.labels?)?$", re.IGNORECASE
)


class Tables(NamedTuple):
    """The tables of a user as text.

    Attributes:
        rows: the fields of a row, `recording_id`, `species`, `songtype_id`, `t_min`, `f_min`,
            `t_max`, `f_max`, `present` (text, empty where the table has none); where it stands,
            `path` and `line`; and its recording: `named` (as in the table, with the folders that
            it has there, without the ending), `folder` (of the table, below the place that was
            read), `own_name` (what the table has, where it names no recording, so that it is the
            one that the table is named after; else empty) and `end_file` (that a selection ends
            in, or empty). `recording_id` is the last part of `named`. Times are those within the
            recording.
        without_rows: the same columns without fields, for each recording that a table without rows
            is named after, or that only rows with ignored names are about.
        notes: what was passed over or ignored, a line each.
    """

    rows: pd.DataFrame
    without_rows: pd.DataFrame
    notes: tuple[str, ...]


class _NoTableError(AnnotationError):
    """A text file that has no column of a table of labels."""


def read_tables(
    place: Path,
    columns: Mapping[str, str | None] | None = None,
    passed_over: tuple[Path, ...] = (),
    ignore: Sequence[str] = NO_SPECIES,
) -> Tables:
    """The rows of one table, or of all tables in a folder.

    What a file is shows in its first line: an Audacity label track begins with two numbers, a
    Raven selection table has a column `Selection`, other tables have column names too, and commas,
    semicolons or tabs between them. A store of verdicts of `rfcx-audio review` is a table too.

    Args:
        place: a file, or a folder whose files `*.csv`, `*.tsv`, `*.txt` and `verdicts.sqlite` are
            read at any depth, but for hidden ones and for those in folders of results of this
            library.
        columns: name of the column by field (a key of `ALIASES`); where it is missing or None, the
            names of `ALIASES` are looked for.
        passed_over: files of the folder that are no tables of labels.
        ignore: names that are no species, in any case; their rows are left out and counted.

    Raises:
        AnnotationError: there is no table, or a file lacks a column, or has no times within its
            recordings. A text file without any column of a table is refused only when it is the
            only one.
    """
    place, chosen = Path(place), check_columns(columns)
    paths, notes = _table_files(place, passed_over) if place.is_dir() else ([place], [])
    if not paths:
        raise AnnotationError(
            f"{place} holds no table of labels; expected files {', '.join(TABLE_SUFFIXES)}"
        )
    tables, faults, strays = [], [], []
    for path in paths:
        try:
            folder = path.parent.relative_to(place).as_posix() if path != place else "."
            table, found = _read(path, chosen)
            tables.append(table.assign(path=str(path), folder=_composed(folder)))
            notes += found
        except _NoTableError as error:
            strays.append(str(error))
        except AnnotationError as error:
            faults.append(str(error))
    if faults or not tables:
        raise AnnotationError(listing([*faults, *strays]))
    notes += [f"passed over: {stray}" for stray in strays]
    rows = pd.concat(tables, ignore_index=True)
    is_row = rows["line"].astype(int) > 0
    names = rows["species"].astype(str).str.casefold()
    ignored = is_row & names.isin([name.casefold() for name in ignore])
    if ignored.any():
        counts = rows.loc[ignored, "species"].value_counts().sort_index()
        words = ", ".join(f"{name!r} in {count}" for name, count in counts.items())
        notes.append(f"rows whose name is no species (data.source.ignore) are ignored: {words}")
    kept = rows[is_row & ~ignored].reset_index(drop=True)
    others = rows.loc[~is_row | ignored, ["recording_id", *PLACE_COLUMNS, "path", "line"]]
    return Tables(kept, others.reset_index(drop=True), tuple(notes))


def _table_files(place: Path, passed_over: tuple[Path, ...]) -> tuple[list[Path], list[str]]:
    """The tables in a folder, and what is noted of the others."""
    leave = {path.resolve() for path in passed_over}
    found, results = [], set()
    for path in sorted(place.rglob("*")):
        inner = path.relative_to(place)
        is_table = path.suffix.lower() in TABLE_SUFFIXES or path.name == STORE_NAME
        if not is_table or path.resolve() in leave:
            continue
        if path.name in _OF_SOMETHING_ELSE:
            continue
        if any(part.startswith(".") for part in inner.parts) or not path.is_file():
            continue
        above = [place / folder for folder in inner.parents if folder != Path()]
        own = [folder for folder in above if any((folder / name).exists() for name in _RESULTS)]
        results.update(own[-1:])
        found += [] if own else [path]
    return found, [
        f"passed over: {folder} holds results of this library" for folder in sorted(results)
    ]


def _read(path: Path, chosen: Mapping[str, str]) -> tuple[pd.DataFrame, list[str]]:
    """One table as text, see `Tables`, and notes.

    A table without rows, of its own name, is a row with line 0.
    """
    if is_verdict_store(path) or path.name == STORE_NAME:
        table, notes = verdict_table(path)
        return table.assign(own_name=""), notes
    content = text_of(path)
    first = first_line(content)
    if not first.strip() or is_label_track(first):
        table, own_name = label_track(path, content), "it is a label track"
    else:
        table, own_name = _with_columns(path, content, chosen)
    if own_name and table.empty:
        table = pd.DataFrame([{**dict.fromkeys(ALIASES, ""), "line": 0}])
    table["named"] = _composed(_ENDINGS.sub("", path.stem)) if own_name else _named(table)
    table["named"] = table["named"].map(without_ending)
    table["recording_id"] = table["named"].astype(str).map(_last)
    return table.assign(own_name=own_name, end_file=_end_file(table)), []


def _with_columns(path: Path, content: str, chosen: Mapping[str, str]) -> tuple[pd.DataFrame, str]:
    """The fields of a table with column names; what it has, if it names no recording."""
    header = columns_of(path, content)
    found = find_columns(header, chosen)
    if not {"species", "t_min", "t_max", "duration"} & set(found):
        raise _NoTableError(
            f"{path} has no column of a table of labels, its first line is {header}"
        )
    check_found(path, header, found, chosen)
    text = frame_of(path, content)
    table = fields_of(path, text, found, semicolons=separator_of(content) == ";")
    if "t_max" not in found:
        table["t_max"] = _ends(table)
    if is_selection_table(text):
        table = one_view(table, text)
    if is_selection_table(text) or "file_offset" in found:
        within_files(path, table, "file_offset" in found)
    # Raven calls a table after its sound: without a row, Begin Path names none, but the table does.
    named_inside = "recording_id" in found and not (table.empty and is_selection_table(text))
    own_name = "" if named_inside else f"it has {', '.join(header)}"
    return table.reset_index(drop=True), own_name


def _ends(table: pd.DataFrame) -> pd.Series:
    """Where rows end, from their begins and durations."""
    begin, duration = (
        pd.to_numeric(table[name], errors="coerce") for name in ("t_min", "duration")
    )
    ends = (begin + duration).round(9)
    return ends.astype(str).where(ends.notna(), table["t_min"] + " + " + table["duration"])


def _named(table: pd.DataFrame) -> pd.Series:
    """The files that a table names, each with its folder where the table has that too."""
    names = table["recording_id"].str.replace("\\", "/", regex=False)
    folders = table["folder"].str.replace("\\", "/", regex=False).str.rstrip("/")
    alone = ~names.str.contains("/", regex=False) & (folders != "")
    return names.where(~alone, folders + "/" + names)


def _end_file(table: pd.DataFrame) -> pd.Series:
    """The file that each row ends in, in the folder of the one that it begins in."""
    names = table["end_file"].astype(str).str.replace("\\", "/", regex=False).map(without_ending)
    begin = table["named"].astype(str).map(_above)
    alone = ~names.str.contains("/", regex=False) & (names != "")
    return names.where(~alone, begin + names)


def _last(name: str) -> str:
    return name.rpartition("/")[2]


def _above(name: str) -> str:
    return name[: name.rfind("/") + 1]


def _composed(name: str) -> str:
    """A name in the Unicode form of tables, see `text_of`."""
    return unicodedata.normalize("NFC", name)
