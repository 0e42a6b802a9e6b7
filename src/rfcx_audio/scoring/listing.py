"""Which recordings: of a folder, a pattern, a list, or one file; each by an id of its own."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Mapping, Sequence
from glob import has_magic
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from torch import Tensor

from rfcx_audio.data import readable_name
from rfcx_audio.data.audio import AUDIO_SUFFIXES

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
    are written as their numbers.

    Args:
        place: a folder, whose audio files count at any depth; a pattern like `data/*/2023*.wav`,
            where `**` is any number of folders; a `.txt` of one path a line; a `.csv` with the
            column `path` and, if it shall decide on the ids, `recording_id`; or an audio file.
            Folders and patterns leave hidden files out.

    Raises:
        ValueError: there is nothing, two files share one id, or a table lacks its column.
    """
    path = Path(place)
    if path.is_dir():
        audio = (file for file in path.rglob("*") if file.suffix.lower() in AUDIO_SUFFIXES)
        found = _named(_visible(audio, path), path)
    elif path.is_file() and path.suffix.lower() == ".csv":
        found = _read_csv(path)
    elif path.is_file() and path.suffix.lower() == ".txt":
        lines = path.read_text(encoding="utf-8-sig").splitlines()
        found = _named_together([Path(line.strip()) for line in lines if line.strip()])
    elif path.is_file():
        found = {readable_name(path.stem): path}
    elif has_magic(place):
        root, pattern = _split(path)
        found = _named(_visible(root.glob(pattern), root), root)
    else:
        found = {}
    if not found:
        raise ValueError(
            f"recordings={place} is no audio file, no folder with any, no pattern that fits one, "
            "and no list (.txt, .csv) that names one"
        )
    return found


def _visible(paths: Iterable[Path], root: Path) -> list[Path]:
    """The files among paths below a folder that are not hidden, sorted.

    What is called like an audio file and is none (a link to nowhere, a folder) is among them, so
    that reading it shows what is wrong.
    """
    return sorted(
        path
        for path in paths
        if not any(part.startswith(".") for part in path.relative_to(root).parts)
        and (path.is_file() or path.suffix.lower() in AUDIO_SUFFIXES)
    )


def _split(pattern: Path) -> tuple[Path, str]:
    """The folder before the first wildcard, and the rest."""
    parts = pattern.parts
    wild = next(index for index, part in enumerate(parts) if has_magic(part))
    return Path(*parts[:wild]), str(Path(*parts[wild:]))


def _read_csv(path: Path) -> dict[str, Path]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        table = csv.DictReader(file)
        columns = table.fieldnames or []
        if "path" not in columns:
            raise ValueError(f"{path} lacks the column path; it has {', '.join(columns) or 'none'}")
        rows = list(table)
    files = [Path(row["path"]) for row in rows]
    if "recording_id" not in columns:
        return _named_together(files)
    return _unique((row["recording_id"] or "", file) for row, file in zip(rows, files, strict=True))


def _named_together(files: list[Path]) -> dict[str, Path]:
    folders = [_absolute(file).parent for file in files]
    return _named(files, Path(os.path.commonpath(folders))) if files else {}


def _named(files: Iterable[Path], root: Path) -> dict[str, Path]:
    above = _absolute(root)
    inside = ((_absolute(file).relative_to(above).with_suffix(""), file) for file in files)
    return _unique((readable_name(name.as_posix()), file) for name, file in inside)


def _absolute(path: Path) -> Path:
    # Without following links: a file is called as it lies there, wherever its content is.
    return Path(os.path.abspath(path))  # noqa: PTH100


def _unique(named: Iterable[tuple[str, Path]]) -> dict[str, Path]:
    """Files by id; the same file may come twice.

    Raises:
        ValueError: an id has two files, or cannot be the name of one.
    """
    found: dict[str, Path] = {}
    for name, file in named:
        parts = PurePosixPath(name)
        if not name or parts.is_absolute() or ".." in parts.parts:
            raise ValueError(
                f"{file} has the recording_id {name!r}; expected a name, or names with / between"
            )
        if found.setdefault(name, file) != file:
            raise ValueError(
                f"{found[name]} and {file} share the id {name!r}; leave one out, or name them in "
                "a list: recordings=LIST.csv with the columns path and recording_id"
            )
    return found
