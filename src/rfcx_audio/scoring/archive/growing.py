"""Folders that grow by a recording at a time, to be left and taken up at any moment."""

from __future__ import annotations

import hashlib
import json
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from rfcx_audio.batch import Failure
from rfcx_audio.data.feature_store import SETTINGS
from rfcx_audio.data.recordings import absolute, file_name, readable_name
from rfcx_audio.scoring.archive.scorer import Outcome
from rfcx_audio.whole_files import write_atomically

RECORDINGS = "recordings.csv"
_FILE = "\nfile: "  # before the state of a file that could not be read
_LOOKED_AT = 2**16  # bytes at either end of a file, by which it is known again


class ArchiveError(ValueError):
    """A folder that cannot be gone on with, and why."""


def fingerprint(path: Path) -> str:
    """The size of an ordinary file and a hash of its ends; empty if it cannot be read."""
    if not path.is_file():  # opening a pipe would wait for whoever writes into it
        return ""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            digest = hashlib.sha256(file.read(_LOOKED_AT))
            file.seek(max(0, size - _LOOKED_AT))
            digest.update(file.read(_LOOKED_AT))
    except OSError:
        return ""
    return f"{size} {digest.hexdigest()[:32]}"


class GrowingFolder(ABC):
    """A folder that keeps what became of recordings, and what it was begun with.

    `unreadable/<id>.txt` holds the reason why a recording has no result (in place of a long id,
    see `file_name`), and the size and time of its file; once these have changed, or the text is
    deleted, the recording is done again. `settings.json` and `recordings.csv` keep what the folder
    was begun with. The recordings may have moved since: they are known again by their content.

    Args:
        folder: made if it is not there.
        paths: audio files by recording id. There may be more or fewer of them than when the folder
            was begun.
        settings: everything that the results depend on beside the recordings, as plain JSON.

    Attributes:
        known: recording ids of this and of earlier runs.

    Raises:
        ArchiveError: the folder was begun with other settings, or an id had another file.
    """

    def __init__(self, folder: Path, paths: Mapping[str, Path], settings: dict[str, Any]) -> None:
        self.folder = folder
        self.paths = paths
        self.settings = settings
        self._begun_ns = time.time_ns()
        self._keep_settings()
        self.known = tuple(self._keep_paths())
        self._forget_changed()

    @abstractmethod
    def keep(self, recording_id: str, outcome: Outcome) -> None:
        """Writes what became of a recording."""

    @abstractmethod
    def is_kept(self, recording_id: str) -> bool:
        """Whether the recording has a result."""

    @abstractmethod
    def kept_content(self, recording_id: str) -> str:
        """The fingerprint of the file that a kept result is of; empty if it is unknown."""

    def comparable(self, settings: dict[str, Any]) -> dict[str, Any]:
        """The settings that must stay the same, by the names that an error gives them."""
        return settings

    def left(self) -> list[str]:
        """The recordings that nothing has become of yet."""
        return [
            name
            for name in self.paths
            if not self.is_kept(name) and not self._reason(name).exists()
        ]

    def failures(self, names: Iterable[str] | None = None) -> list[Failure]:
        """The recordings that could not be read; None: among those of this run."""
        reasons = ((name, self._reason(name)) for name in (self.paths if names is None else names))
        return [Failure(name, _read_reason(path)[0]) for name, path in reasons if path.exists()]

    def check_some_kept(self) -> None:
        """Refuses a run of which no recording could be read.

        Raises:
            ValueError: it is one; the first reason is named.
        """
        failures = self.failures()
        if len(failures) == len(self.paths):
            raise ValueError(
                f"none of the {len(failures)} recordings could be read; the first, "
                f"{failures[0].recording_id!r}: {failures[0].reason}. All are named in "
                f"{self.folder / 'failures.csv'}"
            )

    def keep_reason(self, recording_id: str, reason: str) -> None:
        """Writes why a recording has no result."""
        text = f"{reason}{_FILE}{_state(self.paths[recording_id], self._begun_ns)}"
        write_atomically(self._reason(recording_id), lambda part: part.write_text(text))

    def clear_away(self) -> None:
        """Removes the unfinished files of runs that were killed."""
        for part in self.folder.rglob(f".{'?' * 32}.part.*"):
            part.unlink(missing_ok=True)

    def _reason(self, name: str) -> Path:
        return self.folder / "unreadable" / f"{file_name(name)}.txt"

    def _keep_settings(self) -> None:
        path = self.folder / SETTINGS
        text = json.dumps(self.settings, indent=2, sort_keys=True)
        if not path.exists():
            write_atomically(path, lambda part: part.write_text(text + "\n"))
            return
        begun = self.comparable(json.loads(path.read_text()))
        now = self.comparable(json.loads(text))
        changed = [
            f"{key} was {begun.get(key)!r} and is {now.get(key)!r}"
            for key in sorted({*begun, *now})
            if begun.get(key) != now.get(key)
        ]
        if changed:
            raise ArchiveError(
                f"{self.folder} was begun with other settings: {'; '.join(changed)}. Give it the "
                "same, or choose another folder: out=…"
            )

    def _keep_paths(self) -> dict[str, str]:
        path = self.folder / RECORDINGS
        now = {name: _written(file) for name, file in self.paths.items()}
        before = None
        if path.exists():
            before = pd.read_csv(path, dtype=str, keep_default_na=False)
            for name, file in zip(before["recording_id"], before["path"], strict=True):
                if now.setdefault(name, file) not in (file, _written(Path(file))):
                    self._check_moved(name, file)
        table = pd.DataFrame(now.items(), columns=pd.Index(["recording_id", "path"]))
        if before is not None:  # with what else is known of recordings of earlier runs
            others = before.drop(columns="path")
            table = table.merge(others, "left", on="recording_id").fillna("")
        write_atomically(path, lambda part: table.to_csv(part, index=False))
        return now

    def _forget_changed(self) -> None:
        """Has files done again that were mended where they lie."""
        for name, path in self.paths.items():
            reason = self._reason(name)
            if reason.exists() and _read_reason(reason)[1] != _state(path):
                reason.unlink(missing_ok=True)

    def _check_moved(self, name: str, before: str) -> None:
        """Compares a recording that lies elsewhere now with the one that was kept, if it was."""
        self._reason(name).unlink(missing_ok=True)  # what could not be read there is tried again
        if not self.is_kept(name):
            return
        content = self.kept_content(name)
        if not content or content != fingerprint(self.paths[name]):
            raise ArchiveError(
                f"{self.folder} was begun with another file of the id {name!r}: it was {before}, "
                f"and {self.paths[name]} has another content. Choose another folder: out=…"
            )


def _read_reason(path: Path) -> tuple[str, str | None]:
    """A reason, and the `_state` of the file that it was of; None if it is unknown."""
    reason, mark, state = path.read_text().rpartition(_FILE)
    return (reason, state) if mark else (state, None)


def _state(path: Path, before_ns: int | None = None) -> str:
    """Size and time of a file; empty if there is none, `changing` if it changed since a time."""
    try:
        found = path.stat()
    except OSError:
        return ""
    if before_ns is not None and found.st_mtime_ns >= before_ns:  # maybe while it was read
        return "changing"
    return f"{found.st_size} {found.st_mtime_ns}"


def _written(path: Path) -> str:
    """A path as the list of recordings has it, wherever the command is given."""
    return readable_name(str(absolute(path)))
