"""The columns of a user's own tables: which field each holds, by its name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from rfcx_audio.data.rows import AnnotationError, listing

ALIASES: dict[str, tuple[str, ...]] = {
    "recording_id": (
        *("recording_id", "recording", "begin path", "begin file", "in file", "sound.files"),
        *("file", "filename", "file name", "sound file", "audio_file", "file path", "filepath"),
        *("path",),
    ),
    "folder": ("folder",),
    "species": (
        *("species", "species name", "common name", "annotation", "manual id", "label", "labels"),
        *("tag", "tags", "class", "name", "scientific name", "species code", "species_id"),
    ),
    "songtype_id": ("songtype_id", "songtype"),
    "duration": ("duration", "duration (s)", "duration_s", "delta time (s)"),
    "t_min": (
        *("t_min", "begin time (s)", "start (s)", "start_s", "start_time", "start", "onset"),
        *("onset_s", "begin"),
    ),
    "t_max": (
        *("t_max", "end time (s)", "end (s)", "end_s", "end_time", "end", "stop", "offset"),
        *("offset_s",),
    ),
    "f_min": (
        *("f_min", "low freq (hz)", "low_f", "low_freq", "min_freq", "freq_low", "bottom.freq"),
        *("low freq (khz)",),
    ),
    "f_max": (
        *("f_max", "high freq (hz)", "high_f", "high_freq", "max_freq", "freq_high", "top.freq"),
        *("high freq (khz)",),
    ),
    "present": ("present", "is_present", "tp"),
    "file_offset": ("file offset (s)",),
    "end_file": ("end path", "end file"),
}
"""By field, the names that its column may have; the first that is there is read. Capitals, dots,
underscores, brackets and spaces make no difference: `Begin.Time..s.` is `begin time (s)`."""

NUMBERS = ("t_min", "t_max", "duration", "f_min", "f_max", "file_offset")
_BEGIN_BESIDE_A_DURATION = ("offset", "offset_s", "offset (s)")  # Kaleidoscope's; else it is an end
_KILOHERTZ = ("bottom freq", "top freq")  # warbleR's
_COMMA = re.compile(r"-?\d+,\d+")
_THOUSANDS = re.compile(r"-?[1-9]\d{0,2}(,\d{3})+")


def check_columns(columns: Mapping[str, str | None] | None) -> dict[str, str]:
    """The columns that a user has chosen, by field.

    Raises:
        AnnotationError: there is no such field.
    """
    chosen = {field: name for field, name in (columns or {}).items() if name is not None}
    unknown = set(chosen) - set(ALIASES)
    if unknown:
        raise AnnotationError(
            f"columns has {', '.join(sorted(unknown))}; it can name {', '.join(ALIASES)}"
        )
    return chosen


def find_columns(names: list[str], chosen: Mapping[str, str]) -> dict[str, str]:
    """The column of each field that a table has.

    Args:
        names: of its columns.
        chosen: by field, the column that a user names, of which the table may lack some. A column
            is read for one field only.
    """
    found = {field: name for field, name in chosen.items() if name in names}
    for field, aliases in ALIASES.items():
        free = {plain_column(name): name for name in reversed(names) if name not in found.values()}
        more = _BEGIN_BESIDE_A_DURATION if field == "t_min" and "duration" in found else ()
        column = next(
            (free[plain_column(a)] for a in (*aliases, *more) if plain_column(a) in free), None
        )
        if field not in chosen and column is not None:
            found[field] = column
    return found


def check_found(
    path: Path, names: list[str], found: Mapping[str, str], chosen: Mapping[str, str]
) -> None:
    """Refuses a table that lacks a column which it needs, or that a user names.

    Raises:
        AnnotationError: it does; the message names the columns that it has.
    """
    has = f"it has {', '.join(names)}"
    for field, name in chosen.items():
        if name not in names:
            raise AnnotationError(
                f"{path} line 1 lacks the column {name!r} that data.source.columns.{field} names; "
                f"{has}"
            )
    missing = [field for field in ("species", "t_min", "t_max") if field not in found]
    if "duration" in found:
        missing = [field for field in missing if field != "t_max"]
    if missing:
        likely = "; ".join(f"{field}: {', '.join(ALIASES[field][:6])}, …" for field in missing)
        raise AnnotationError(
            f"{path} line 1 has no column for {', '.join(missing)}; {has}. Rename one ({likely}) "
            f"or name it with data.source.columns.{missing[0]}=…"
        )


def fields_of(
    path: Path, text: pd.DataFrame, found: Mapping[str, str], semicolons: bool
) -> pd.DataFrame:
    """The fields of a table as text: numbers with decimal points, frequencies in Hz, and `line`.

    Args:
        path: of the table, for messages.
        text: as `frame_of` returns it.
        found: column by field; the other fields are empty.
        semicolons: whether they separate the cells.

    Raises:
        AnnotationError: a number may have a decimal comma or be in thousands.
    """
    table = pd.DataFrame({"line": text["line"]})
    for field in ALIASES:
        table[field] = text[found[field]] if field in found else ""
    _decimal_points(path, table, semicolons)
    for field in ("f_min", "f_max"):
        name = plain_column(found.get(field, ""))
        if name in _KILOHERTZ or name.endswith("khz"):
            hertz = pd.to_numeric(table[field], errors="coerce") * 1000
            table[field] = hertz.map("{:.10g}".format).where(hertz.notna(), table[field])
    return table


def plain_column(name: str) -> str:
    """A column's name without what programs change in it: `Begin.Time..s.` is `begin time s`."""
    return re.sub(r"[\W_]+", " ", name.casefold()).strip()


def _decimal_points(path: Path, table: pd.DataFrame, semicolons: bool) -> None:
    """Writes numbers with a decimal comma with a point, in place."""
    cells = [
        (str(cell), line)
        for field in NUMBERS
        for cell, line in zip(table[field], table["line"], strict=True)
    ]
    commas = [(cell, line) for cell, line in cells if _COMMA.fullmatch(cell)]
    if not commas:
        return
    # Programs write semicolons where the comma is the decimal sign; elsewhere 8,000 may be 8000.
    if not semicolons and all(_THOUSANDS.fullmatch(cell) for cell, _ in commas):
        raise AnnotationError(
            f"{path} line {commas[0][1]}: {commas[0][0]!r} may be a decimal number or thousands, "
            "as may all numbers with a comma in this table; write them with a decimal point"
        )
    with_points = [
        f"{path} line {line}: {cell!r} has a point, other numbers of the table have a decimal "
        f"comma ({commas[0][0]!r}); write all of them with a decimal point"
        for cell, line in cells
        if "." in cell
    ]
    if with_points:
        raise AnnotationError(listing(with_points))
    for field in NUMBERS:
        table[field] = table[field].str.replace(",", ".", regex=False)
