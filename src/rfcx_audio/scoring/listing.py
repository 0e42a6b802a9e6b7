"""Which recordings: of a folder, a pattern, a list, or one file; each by an id of its own."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from glob import has_magic
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from rfcx_audio.data.recordings import (
    absolute,
    find_recordings,
    name_files,
    readable_name,
    unique_ids,
    visible,
)
from rfcx_audio.data.table_text import frame_of, text_of

RecordingsLike = str | Path | Tensor | np.ndarray | Sequence[str | Path] | Mapping[str, str | Path]
"""One audio file or waveform (samples,); a place with several; paths; or paths by recording id."""

WAVEFORM = "waveform"
"""The id of a waveform, which has no name of its own."""

_LISTS = (".csv", ".txt")


def is_one_recording(recordings: RecordingsLike) -> bool:
    """Whether it is a single audio file or waveform, and not a place with several."""
    if isinstance(recordings, str | Path):
        path = Path(recordings)
        return path.is_file() and path.suffix.lower() not in _LISTS
    return isinstance(recordings, Tensor | np.ndarray)


def name_recordings(recordings: RecordingsLike) -> dict[str, Path | Tensor]:
    """Recordings by id.

    Args:
        recordings: a waveform (samples,); a place, see `list_recordings`; several paths, named as
            those of a list; or paths by id.

    Raises:
        ValueError: there is nothing, two files share one id, or a waveform is not (samples,).
    """
    if isinstance(recordings, Tensor | np.ndarray):
        waveform = torch.as_tensor(recordings)
        if waveform.ndim != 1 or not waveform.is_floating_point():
            raise ValueError(
                f"a waveform is {tuple(waveform.shape)} {waveform.dtype}; expected (samples,) of "
                "floats at the sample rate of the reader"
            )
        return {WAVEFORM: waveform}
    if isinstance(recordings, Mapping):
        return {name: Path(path) for name, path in recordings.items()}
    if isinstance(recordings, str | Path):
        return dict(list_recordings(str(recordings)))
    return dict(_named_together([Path(path) for path in recordings]))


def list_recordings(place: str) -> dict[str, Path]:
    """The audio files of a place by recording id, in a fixed order.

    The id of a file is its path without the ending, relative to the folder; to the last folder
    before the first wildcard of a pattern; to the innermost folder that all files of a list have
    in common. In one folder, that is the file's name without its ending. Bytes that are no UTF-8
    are written as their numbers. Files in a form that cannot be read (`.m4a`, `.wac`) are among
    them, so that reading them names them. Relative paths in a list count from the current folder
    or, where the file is not there, from the folder of the list.

    Args:
        place: a folder, whose audio files count at any depth; a pattern like `data/*/2023*.wav`,
            where `**` is any number of folders; a `.txt` of one path a line; a `.csv` with the
            column `path` and, if it shall decide on the ids, `recording_id`; or an audio file.
            Folders and patterns leave hidden files out.

    Raises:
        ValueError: there is nothing, two files share one id, a table lacks its column, or a
            relative path of a list has two files.
    """
    path = Path(place)
    if path.is_dir():
        found = find_recordings(path, at_any_depth=True)
    elif path.is_file() and path.suffix.lower() == ".csv":
        found = _read_csv(path)
    elif path.is_file() and path.suffix.lower() == ".txt":
        lines = [line.strip() for line in text_of(path).split("\n")]
        found = _named_together([_found(line, path) for line in lines if line])
    elif path.is_file():
        found = {readable_name(path.stem): path}
    elif has_magic(place):
        root, pattern = _split(path)
        found = name_files(visible(root.glob(pattern), root), root)
    else:
        found = {}
    if not found:
        raise ValueError(
            f"recordings={place} is no audio file, no folder with any, no pattern that fits one, "
            "and no list (.txt, .csv) that names one"
        )
    return found


def _split(pattern: Path) -> tuple[Path, str]:
    """The folder before the first wildcard, and the rest."""
    parts = pattern.parts
    wild = next(index for index, part in enumerate(parts) if has_magic(part))
    return Path(*parts[:wild]), str(Path(*parts[wild:]))


def _read_csv(path: Path) -> dict[str, Path]:
    table = frame_of(path, text_of(path))
    columns = table.columns.drop("line")
    if "path" not in columns:
        raise ValueError(f"{path} lacks the column path; it has {', '.join(columns) or 'none'}")
    empty = table.loc[table["path"] == "", "line"].to_list()
    if empty:
        raise ValueError(f"{path} line {empty[0]} has no path; write one, or remove the line")
    files = [_found(name, path) for name in table["path"]]
    if "recording_id" not in columns:
        return _named_together(files)
    return unique_ids(zip(table["recording_id"], files, strict=True))


def _found(name: str, listed: Path) -> Path:
    """A file of a list: from the current folder or, where it is not there, from that of the list.

    Raises:
        ValueError: both are there.
    """
    here, beside = Path(name), listed.parent / name
    if not beside.exists() or absolute(here) == absolute(beside):
        return here
    if here.exists():
        raise ValueError(
            f"{listed} names {name}, which may be {absolute(here)} or {absolute(beside)}; write "
            "the whole path"
        )
    return beside


def _named_together(files: list[Path]) -> dict[str, Path]:
    folders = [absolute(file).parent for file in files]
    return name_files(files, Path(os.path.commonpath(folders))) if files else {}
