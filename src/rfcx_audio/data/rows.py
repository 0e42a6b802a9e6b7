"""Rows of annotations: species in time windows, checked, in the columns of RFCX."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from rfcx_audio.data.row_ends import cut_at_end

RFCX_COLUMNS = ("recording_id", "species_id", "songtype_id", "t_min", "f_min", "t_max", "f_max")
RFCX_FILES = {"train_tp.csv": True, "train_fp.csv": False}
"""The files of a folder in the RFCX layout, and whether their rows are presences."""

_NUMBERS = RFCX_COLUMNS[1:]
_LARGEST_SONGTYPE = 2**31 - 1
_ERRORS_SHOWN = 10


class AnnotationError(ValueError):
    """A table that cannot be used as it is; the message names file, line and reason."""


def read_rfcx(root: Path, num_species: int) -> pd.DataFrame:
    """The rows of `train_tp.csv` and `train_fp.csv` as one table.

    Args:
        root: the folder that holds both files.
        num_species: species are numbered from 0 to `num_species - 1`.

    Returns:
        The columns of `RFCX_COLUMNS` (times in s, frequencies in Hz) and `present` (bool: TP),
        `weight` (1.0), `source` (file name), `line` (in that file), `whole_band` (bool: the table
        has no frequencies for the row; False).

    Raises:
        AnnotationError: a file or column is missing, or a row breaks a rule; all of them are named.
    """
    tables = [
        read_rows(Path(root) / name, present, num_species) for name, present in RFCX_FILES.items()
    ]
    return pd.concat(tables, ignore_index=True)


def read_rows(path: Path, present: bool, num_species: int) -> pd.DataFrame:
    """The rows of one RFCX file, each checked; see `read_rfcx`."""
    text = read_text(path)
    lines = text.pop("line").to_numpy()
    missing = [column for column in RFCX_COLUMNS if column not in text.columns]
    if missing:
        raise AnnotationError(
            f"{path} lacks the column(s) {', '.join(missing)}; it has {', '.join(text.columns)}, "
            f"expected {', '.join(RFCX_COLUMNS)}"
        )
    text["recording_id"] = one_form(text["recording_id"])
    rows = as_numbers(text[list(RFCX_COLUMNS)], _NUMBERS)
    faults = row_faults(path, lines, rows, text, num_species)
    if faults:
        raise AnnotationError(listing(faults))
    rows = rows.astype({"species_id": "int64", "songtype_id": "int64"})
    own = {"present": present, "weight": 1.0, "source": path.name}
    return rows.assign(**own, line=lines, whole_band=False)


def as_numbers(text: pd.DataFrame, columns: Iterable[str]) -> pd.DataFrame:
    """A table of text with some columns as float64, NaN where a cell is no number."""
    found = {name: pd.to_numeric(text[name], errors="coerce").astype(float) for name in columns}
    return text.assign(**found)


def match_audio(
    rows: pd.DataFrame,
    durations_s: dict[str, float],
    missing_audio: Literal["error", "leave_out"],
    failures: dict[str, str] | None = None,
    reasons: Mapping[str, str] | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows that audio is there for, and the ones left out with the reason.

    Args:
        rows: as `read_rfcx` returns them.
        durations_s: by recording, of the readable audio files.
        missing_audio: `error` refuses rows whose recording has no audio file, `leave_out` reports
            them. Rows of unreadable files (`failures`) are always reported.
        failures: reason by recording, of the audio files that cannot be read.
        reasons: what is known beside, by recording without an audio file.

    Returns:
        The rows kept, cut at the end of their recording where they end after it, and the rows left
        out with a column `reason`.

    Raises:
        AnnotationError: a row begins after its recording, or `missing_audio` is `error` and a row's
            recording has no audio file.
    """
    failures, known = failures or {}, reasons or {}
    has_audio = rows["recording_id"].isin(list(durations_s))
    kept, without = rows[has_audio], rows[~has_audio]
    reason = [
        f"its audio cannot be read: {failures[name]}"
        if name in failures
        else "no audio file for its recording"
        for name in without["recording_id"]
    ]
    left_out = without.assign(reason=reason)
    unknown = left_out[~left_out["recording_id"].isin(list(failures))]
    if missing_audio == "error" and len(unknown):
        messages = (
            known.get(str(row.recording_id))
            or f"{row.source} line {row.line}: unknown recording {row.recording_id!r}: there is no "
            "audio file of that name"
            for row in unknown.itertuples()
        )
        raise AnnotationError(
            listing(list(dict.fromkeys(messages)))
            + "\nadd the audio, remove the rows, or set data.source.missing_audio=leave_out"
        )
    ends = kept["recording_id"].map(durations_s).astype(float)
    late = kept[kept["t_min"] >= ends]
    if len(late):
        raise AnnotationError(
            listing(
                [
                    f"{row.source} line {row.line}: t_min = {row.t_min:g} s lies beyond the end of "
                    f"recording {row.recording_id!r} ({durations_s[str(row.recording_id)]:g} s)"
                    for row in late.itertuples()
                ]
            )
        )
    kept = cut_at_end(kept, durations_s)
    return kept.reset_index(drop=True), left_out.reset_index(drop=True)


def row_faults(
    path: Path,
    lines: np.ndarray,
    rows: pd.DataFrame,
    text: pd.DataFrame,
    num_species: int,
    columns: Sequence[str] = _NUMBERS,
) -> list[str]:
    """What is wrong with the rows of a file, one message a row.

    Args:
        path: of the file.
        lines: (rows,) in the file.
        rows: the columns of `RFCX_COLUMNS`, numbers where they are any, else NaN.
        text: the same as they stand in the file.
        num_species: species are numbered from 0 to `num_species - 1`.
        columns: of numbers, that the file has.
    """
    reasons: dict[int, list[str]] = {}
    for wrong, words in _faults(rows, text, num_species, columns):
        for index in np.flatnonzero(wrong):
            reasons.setdefault(int(index), []).append(words[index])
    return [f"{path} line {lines[index]}: {'; '.join(reasons[index])}" for index in sorted(reasons)]


def one_form(names: pd.Series) -> pd.Series:
    """Names in one Unicode form (NFC), as the ids of audio files are."""
    return names.map(lambda name: unicodedata.normalize("NFC", str(name)))


def listing(messages: list[str]) -> str:
    """Messages as the lines of one error, the first of them if there are many."""
    more = len(messages) - _ERRORS_SHOWN
    return "\n".join(messages[:_ERRORS_SHOWN] + ([f"… and {more} more"] if more > 0 else []))


def few(names: list[str]) -> str:
    """The first names of a list, for a message."""
    shown = ", ".join(repr(name) for name in names[:5])
    return shown + (", …" if len(names) > 5 else "")


def read_text(path: Path) -> pd.DataFrame:
    """A table of comma-separated values as text, with the `line` of each row; blank ones left out.

    A recording may be called "NA", which pandas would take for a missing value.

    Raises:
        AnnotationError: the file is missing, or no such table.
    """
    try:
        text = pd.read_csv(path, dtype=str, keep_default_na=False, skip_blank_lines=False)
    except FileNotFoundError:
        raise AnnotationError(
            f"{path} does not exist; a folder in the RFCX layout holds train_tp.csv, train_fp.csv "
            "and train/ (set data.root)"
        ) from None
    except (pd.errors.EmptyDataError, pd.errors.ParserError, UnicodeDecodeError) as error:
        raise AnnotationError(f"{path} is no table of comma-separated values: {error}") from None
    if not isinstance(text.index, pd.RangeIndex):  # pandas takes surplus values for row names
        raise AnnotationError(
            f"{path} line 2 has more values than line 1 has columns; quote what holds a comma, and "
            "end no line with one"
        )
    text = text.fillna("").assign(line=np.arange(len(text)) + 2)  # line 1 holds the column names
    blank = (text.drop(columns="line") == "").all(axis=1)
    return text[~blank].reset_index(drop=True)


def _faults(
    rows: pd.DataFrame, text: pd.DataFrame, num_species: int, columns: Sequence[str]
) -> Iterator[tuple[np.ndarray, list[str]]]:
    """For each rule, which rows break it, and the message of each."""
    names = text["recording_id"].astype(str)
    plain = [name not in ("", ".", "..") and not set(name) & set("/\\\0") for name in names]
    yield _fault(
        ~np.array(plain, dtype=bool), [f"recording_id {name!r} is no file name" for name in names]
    )
    for column in columns:
        wrong = ~np.isfinite(rows[column].to_numpy())
        yield _fault(wrong, [f"{column} = {value!r} is no finite number" for value in text[column]])
    for column in [name for name in ("species_id", "songtype_id") if name in columns]:
        broken = rows[column].notna() & (rows[column] % 1 != 0)
        yield _fault(broken, [f"{column} = {value} is no whole number" for value in text[column]])
    outside = (rows["species_id"] < 0) | (rows["species_id"] >= num_species)
    yield _fault(
        outside,
        [f"species_id {value} lies outside 0 to {num_species - 1}" for value in text["species_id"]],
    )
    strange = (rows["songtype_id"] < 0) | (rows["songtype_id"] > _LARGEST_SONGTYPE)
    if "songtype_id" in columns:
        yield _fault(
            strange, [f"songtype_id {song} is no number of a song" for song in text["songtype_id"]]
        )
    for low, high in (("t_min", "t_max"), ("f_min", "f_max")):
        if not {low, high} <= set(columns):
            continue
        yield _fault(rows[low] < 0, [f"{low} = {value} is negative" for value in text[low]])
        pairs = zip(text[low], text[high], strict=True)
        yield _fault(
            rows[high] <= rows[low], [f"{high} = {b} is not above {low} = {a}" for a, b in pairs]
        )


def _fault(wrong: pd.Series | np.ndarray, words: list[str]) -> tuple[np.ndarray, list[str]]:
    return np.asarray(wrong, dtype=bool), words
