"""The recordings of a folder: which can be read, and why the others cannot."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from rfcx_audio.data.audio import AUDIO_SUFFIXES, AudioError, AudioInfo, probe


@dataclass(frozen=True)
class Recordings:
    """A folder of recordings: what can be read, and what cannot with the reason."""

    paths: dict[str, Path]
    infos: dict[str, AudioInfo]
    failures: dict[str, str]

    @classmethod
    def scan(cls, folder: Path) -> Recordings:
        """Reads the header of every audio file that lies in a folder, or of one file."""
        return cls.probe(find_recordings(folder) if folder.is_dir() else {folder.stem: folder})

    @classmethod
    def probe(cls, paths: dict[str, Path]) -> Recordings:
        """Reads the header of every audio file; those that cannot be read are `failures`."""
        infos, failures = {}, {}
        for name, path in paths.items():
            try:
                infos[name] = probe(path)
            except AudioError as error:
                failures[name] = str(error)
        return cls({name: paths[name] for name in infos}, infos, failures)

    @property
    def durations_s(self) -> dict[str, float]:
        """Length in seconds by recording."""
        return {name: info.duration_s for name, info in self.infos.items()}

    @property
    def nyquist_hz(self) -> float:
        """The highest frequency that any of them holds; 24 000 without any."""
        return max((info.sample_rate / 2 for info in self.infos.values()), default=24_000.0)


def find_recordings(folder: Path) -> dict[str, Path]:
    """The audio files of a folder by recording id (the name without its ending), sorted.

    Bytes of a name that are no UTF-8 are numbers in the id, see `readable_name`.

    Raises:
        AudioError: two files have the same id.
    """
    found: dict[str, Path] = {}
    for path in sorted(Path(folder).iterdir()):
        if path.suffix.lower() not in AUDIO_SUFFIXES:
            continue
        name = readable_name(path.stem)
        if name in found:
            raise AudioError(f"{found[name].name} and {path.name} in {folder} share one id")
        found[name] = path
    return found


def readable_name(name: str) -> str:
    """A file's name as any table can hold it: bytes that are no UTF-8 become numbers."""
    return os.fsencode(name).decode(errors="backslashreplace")
