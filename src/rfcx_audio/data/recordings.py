"""The recordings of a folder: their ids, which can be read, and why the others cannot."""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

from rfcx_audio.data.audio import AUDIO_SUFFIXES, AudioError, AudioInfo, is_unread, probe

_LONGEST_NAME = 200  # bytes; file systems take 255, with the ending


@dataclass(frozen=True)
class Recordings:
    """A folder of recordings: what can be read, and what cannot with the reason.

    Attributes:
        paths: audio files by recording, of those that can be read.
        infos: their headers.
        failures: reason by recording, of the others.
        unread: files of the others.
    """

    paths: dict[str, Path]
    infos: dict[str, AudioInfo]
    failures: dict[str, str]
    unread: dict[str, Path] = field(default_factory=dict)

    @classmethod
    def scan(cls, folder: Path, at_any_depth: bool = False) -> Recordings:
        """Reads the header of every audio file in a folder, see `find_recordings`, or of one."""
        one = {readable_name(folder.stem): folder}
        return cls.probe(find_recordings(folder, at_any_depth) if folder.is_dir() else one)

    @classmethod
    def probe(cls, paths: dict[str, Path]) -> Recordings:
        """Reads the header of every audio file; those that cannot be read are `failures`."""
        infos, failures = {}, {}
        for name, path in paths.items():
            try:
                infos[name] = probe(path)
            except AudioError as error:
                failures[name] = str(error)
        read = {name: paths[name] for name in infos}
        return cls(read, infos, failures, {name: paths[name] for name in failures})

    @property
    def durations_s(self) -> dict[str, float]:
        """Length in seconds by recording."""
        return {name: info.duration_s for name, info in self.infos.items()}

    @property
    def nyquist_hz(self) -> float:
        """The highest frequency that any of them holds; 24 000 without any."""
        return max((info.sample_rate / 2 for info in self.infos.values()), default=24_000.0)

    @cached_property
    def places(self) -> dict[str, PurePosixPath]:
        """The absolute path of every file by recording, as a table can name it: without ending."""
        files = {**self.paths, **self.unread}
        return {
            name: PurePosixPath(
                readable_name(absolute(path).parent.as_posix()), name.split("/")[-1]
            )
            for name, path in files.items()
        }

    def without_audio(self, num_rows: int, folder: Path) -> str:
        """Why no row has audio, for an error."""
        if not num_rows:
            return (
                "the tables have no row of a species; see the warnings above for names that are "
                "ignored (data.source.ignore), and set data.source.columns.species if the species "
                "are in another column"
            )
        if not self.failures:
            return (
                f"none of the {num_rows} rows has its audio file in {folder}; set "
                "data.source.audio to the folder of the recordings"
            )
        reasons = [f"{name!r}: {reason}" for name, reason in list(self.failures.items())[:3]]
        return (
            f"none of the {num_rows} rows has audio that can be read: {len(self.failures)} of "
            f"{len(self.failures) + len(self.paths)} audio files in {folder} cannot be read "
            f"({'; '.join(reasons)}{'; …' if len(self.failures) > 3 else ''})"
        )


def find_recordings(folder: Path, at_any_depth: bool = False) -> dict[str, Path]:
    """The audio files of a folder by recording id, sorted; hidden ones are left out.

    Args:
        folder: of the recordings.
        at_any_depth: whether folders in it count too.

    Returns:
        Files by their path in the folder without the ending, see `name_files`.

    Raises:
        ValueError: two files have the same id.
    """
    found = Path(folder).rglob("*") if at_any_depth else Path(folder).iterdir()
    return name_files(visible((path for path in found if is_audio(path)), folder), folder)


def is_audio(path: Path) -> bool:
    """Whether a file is called like an audio file, readable or not."""
    return path.suffix.lower() in AUDIO_SUFFIXES


def file_name(recording_id: str) -> str:
    """What the files of a recording are called: its id, or the begin of a long one and a hash."""
    above, slash, last = recording_id.rpartition("/")
    if len(last.encode()) <= _LONGEST_NAME:
        return recording_id
    begin = last.encode()[: _LONGEST_NAME // 2].decode(errors="ignore")
    return f"{above}{slash}{begin}~{hashlib.sha256(last.encode()).hexdigest()[:16]}"


def without_ending(name: str) -> str:
    """A file's name without the ending of audio; what follows another dot belongs to the name."""
    stem, dot, ending = name.rpartition(".")
    return stem if f"{dot}{ending}".lower() in AUDIO_SUFFIXES else name


def visible(paths: Iterable[Path], root: Path) -> list[Path]:
    """The files among paths below a folder that are not hidden, sorted.

    What is called like an audio file and is none (a link to nowhere, a folder) is among them, so
    that reading it shows what is wrong.
    """
    return sorted(
        path
        for path in paths
        if not any(part.startswith(".") for part in path.relative_to(root).parts)
        and (path.is_file() or is_audio(path))
    )


def name_files(files: Iterable[Path], root: Path) -> dict[str, Path]:
    """Files by id: their path below a folder, without the ending.

    Bytes of a name that are no UTF-8 are numbers in the id, and accents have one form, see
    `readable_name`. A file in a form that cannot be read keeps its ending beside another file of
    its name: `a.wac` beside `a.wav`, which was made from it.

    Raises:
        ValueError: two files have the same id.
    """
    above = absolute(root)
    inside = [(absolute(file).relative_to(above), file) for file in files]
    unread = [is_unread(path.name) for path, _ in inside]
    read = {path.with_suffix("") for (path, _), no in zip(inside, unread, strict=True) if not no}
    return unique_ids(
        (
            readable_name((path if no and stem in read else stem).as_posix()),
            file,
        )
        for (path, file), no in zip(inside, unread, strict=True)
        for stem in [path.with_suffix("")]
    )


def unique_ids(named: Iterable[tuple[str, Path]]) -> dict[str, Path]:
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


def absolute(path: Path) -> Path:
    """The path from the root, without following links: a file is called as it lies there."""
    return Path(os.path.abspath(path))  # noqa: PTH100


def readable_name(name: str) -> str:
    """A file's name as any table can hold it.

    Bytes that are no UTF-8 become numbers, and letters have one Unicode form (NFC): a Mac writes
    an accent as a letter of its own, others write a letter with an accent.
    """
    return unicodedata.normalize("NFC", os.fsencode(name).decode(errors="backslashreplace"))
