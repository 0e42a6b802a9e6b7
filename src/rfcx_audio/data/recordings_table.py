"""Tables of recordings, `recordings.csv`: site, start, position and recorder of each."""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd

from rfcx_audio.data.audio import is_unread
from rfcx_audio.data.recording_info import RecordingInfo, check_position
from rfcx_audio.data.recordings import readable_name, without_ending
from rfcx_audio.data.rows import AnnotationError, few, listing
from rfcx_audio.data.start_times import parse_start
from rfcx_audio.data.table_columns import ALIASES, plain_column
from rfcx_audio.data.table_text import columns_of, frame_of, text_of
from rfcx_audio.whole_files import write_atomically

INFO_COLUMNS = (
    *("site", "start", "start_from", "latitude", "longitude", "recorder"),
    *("duration_s", "sample_rate"),
)
"""Behind `recording_id` and `path`, the columns of the table that `rfcx-audio predict` writes."""

_ABOVE = re.compile(r"^(\.\./)+")
_NAMES: dict[str, tuple[str, ...]] = {
    "recording_id": ("recording_id", "recording", "path", *ALIASES["recording_id"]),
    "path": ("path",),
    "site": ("site", "site_id", "location", "location_id", "station", "plot"),
    "start": ("start", "start_time", "datetime", "timestamp", "recorded_at", "date_time"),
    "start_from": ("start_from",),
    "latitude": ("latitude", "lat"),
    "longitude": ("longitude", "lon", "long", "lng"),
    "recorder": ("recorder", "recorder_id", "device", "device_id", "serial"),
    "duration_s": ("duration_s",),
    "sample_rate": ("sample_rate",),
}


def read_recordings_table(path: Path, paths: Mapping[str, Path]) -> dict[str, RecordingInfo]:
    """Where and when recordings were made, by a table.

    Args:
        path: a text table with commas, semicolons or tabs. `recording_id` (or `path`, `file`) names
            the recording by its id, or by its file with as many folders as tell it from others;
            `site`, `start` (ISO 8601), `latitude`, `longitude` (degrees), `recorder` are each
            optional. An empty cell is unknown. A line of an original, such as `dawn.wac`, counts
            for the `dawn.wav` that was made of it, unless that has a line of its own.
        paths: audio files by recording.

    Returns:
        By recording; those that the table does not name are missing.

    Raises:
        AnnotationError: the table names no recording of `paths`, one of its names fits several of
            them, two rows differ about one, or a value is none; all such lines are named.
    """
    text = frame_of(path, text_of(path))
    columns = _columns(path, text)
    find = _finder(paths)
    infos: dict[str, RecordingInfo] = {}
    originals: dict[str, RecordingInfo] = {}  # in a form that cannot be read
    faults: list[str] = []
    others: list[str] = []
    for row in text.to_dict("records"):
        cells = {field: row[column] for field, column in columns.items()}
        try:
            name, info = find(cells["recording_id"]), _info(cells, path.name)
            if name is None:
                others.append(cells["recording_id"])
                continue
            is_original = is_unread(cells["recording_id"]) and not is_unread(name)
            if (originals if is_original else infos).setdefault(name, info) != info:
                raise ValueError(f"another line differs about the recording {name!r}")
        except ValueError as error:
            faults.append(f"{path} line {row['line']}: {error}")
    if faults:
        raise AnnotationError(listing(faults))
    infos = {**originals, **infos}
    if others and not infos:
        raise AnnotationError(
            f"{path} names none of the {len(paths)} recordings ({few(list(paths))}); it names "
            f"{few(others)}. If it is a table of others, rename it, or give another: "
            "recordings_table=…"
        )
    return infos


def names_places(path: Path) -> bool:
    """Whether a table has a column about the place or the time of recordings.

    Raises:
        AnnotationError: see `text_of`.
    """
    names = set(map(plain_column, columns_of(path, text_of(path))))
    return any(names & set(map(plain_column, _NAMES[field])) for field in INFO_COLUMNS)


def add_to_table(infos: Mapping[str, RecordingInfo], path: Path) -> None:
    """Writes `INFO_COLUMNS` into the table of recordings that is there, or into a new one.

    Args:
        infos: by recording.
        path: a CSV of `recording_id` and others, which stay as they are, as do the lines of other
            recordings.
    """
    if path.exists():
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    else:
        files = {name: readable_name(str(info.path or "")) for name, info in infos.items()}
        table = pd.DataFrame(files.items(), columns=pd.Index(["recording_id", "path"]))
    cells = {name: _cells(info) for name, info in infos.items()}
    for place, column in enumerate(INFO_COLUMNS):
        before = table[column] if column in table else [""] * len(table)
        pairs = zip(table["recording_id"], before, strict=True)
        table[column] = [cells[name][place] if name in cells else cell for name, cell in pairs]
    write_atomically(path, lambda part: table.to_csv(part, index=False))


def _cells(info: RecordingInfo) -> list[str]:
    values = [getattr(info, column) for column in INFO_COLUMNS]
    values[1] = info.start.isoformat() if info.start else None
    return ["" if value is None else str(value) for value in values]


def _columns(path: Path, text: pd.DataFrame) -> dict[str, str]:
    """The column of each field.

    Raises:
        AnnotationError: none of them names the recording.
    """
    by_name = {plain_column(column): column for column in reversed(text.columns.drop("line"))}
    found = {
        field: next((by_name[name] for name in map(plain_column, names) if name in by_name), None)
        for field, names in _NAMES.items()
    }
    if found["recording_id"] is None:
        raise AnnotationError(
            f"{path} line 1 has no column that names the recording; it has "
            f"{', '.join(text.columns.drop('line'))}; expected recording_id, path or file. If it "
            "is about something else, rename it"
        )
    return {field: column for field, column in found.items() if column is not None}


def _info(cells: Mapping[str, str], source: str) -> RecordingInfo:
    start = parse_start(cells["start"]) if cells.get("start") else None
    latitude, longitude = _number(cells, "latitude"), _number(cells, "longitude")
    if (latitude is None) != (longitude is None):
        raise ValueError("latitude and longitude belong together; one of them is empty")
    if latitude is not None and longitude is not None:
        check_position(latitude, longitude)
    rate = _number(cells, "sample_rate")
    return RecordingInfo(
        path=Path(cells["path"]) if cells.get("path") else None,
        site=cells.get("site", ""),
        start=start,
        start_from=(cells.get("start_from") or source) if start else "",
        latitude=latitude,
        longitude=longitude,
        recorder=cells.get("recorder", ""),
        duration_s=_number(cells, "duration_s"),
        sample_rate=None if rate is None else int(rate),
    )


def _number(cells: Mapping[str, str], field: str) -> float | None:
    text = cells.get(field, "")
    if not text:
        return None
    try:
        return float(text.replace(",", "."))
    except ValueError:
        raise ValueError(f"{field} = {text!r} is no number") from None


def _finder(paths: Mapping[str, Path]) -> Callable[[str], str | None]:
    """Finds the recording that a table names, by its id or the end of its path."""
    unread = {_posix(name): name for name in paths if is_unread(name)}
    by_id = {_plain(name): name for name in sorted(paths, key=is_unread, reverse=True)}
    by_last: dict[str, list[tuple[str, str]]] = {}
    for name, path in paths.items():
        whole = _plain(readable_name(str(path.absolute())))
        by_last.setdefault(whole.rpartition("/")[2], []).append((whole, name))

    def find(text: str) -> str | None:
        wanted = _plain(text)
        if wanted in by_id:
            return unread.get(_posix(text), by_id[wanted])
        fitting = [
            name
            for whole, name in by_last.get(wanted.rpartition("/")[2], [])
            if f"/{whole}".endswith(f"/{wanted}")
        ]
        fitting = [name for name in fitting if is_unread(name) == is_unread(text)] or fitting
        if len(fitting) > 1:
            raise ValueError(f"{text!r} may be {few(fitting)}; write the folder before the name")
        return fitting[0] if fitting else None

    return find


def _plain(name: str) -> str:
    """A name or path in one form: composed accents, slashes, no ending of audio."""
    return without_ending(_posix(name))


def _posix(name: str) -> str:
    """As `_plain`, with the ending of audio, in small letters."""
    text = posixpath.normpath(unicodedata.normalize("NFC", name.strip()).replace("\\", "/"))
    text = _ABOVE.sub("", text)
    stem = without_ending(text)
    return stem + text[len(stem) :].lower()
