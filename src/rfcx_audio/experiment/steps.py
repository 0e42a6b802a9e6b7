"""Steps of a long piece of work in folders: each is marked with what it was made of."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from time import monotonic
from typing import NamedTuple

from rfcx_audio.whole_files import write_atomically

_log = logging.getLogger(__name__)
_MARK = "step.json"


class Step(NamedTuple):
    """A piece of work that writes a folder.

    Attributes:
        folder: that it fills; its name is that of the step.
        what: it does, for the log.
        made_of: everything that its results depend on and that may change from one call to the
            next, as a text, see `state_of`; called when the steps before it are done.
        work: does it; what an interrupted call left in the folder may still be there.
    """

    folder: Path
    what: str
    made_of: Callable[[], str]
    work: Callable[[], None]


def take(step: Step, number: int, total: int) -> None:
    """Does a step, unless it was done with the same material.

    Args:
        step: to do.
        number: of the step, from 1, for the log.
        total: number of the steps.
    """
    made_of = step.made_of()
    before = mark_of(step.folder)
    name = f"step {number} of {total}, {step.folder.name}"
    if before is not None and before["made_of"] == made_of:
        _log.info("%s: finished before", name)
        return
    again = "" if before is None else ", again: what it is made of has changed"
    _log.info("%s: %s%s", name, step.what, again)
    begun = monotonic()
    step.work()
    mark = json.dumps({"made_of": made_of, "seconds": round(monotonic() - begun, 1)}, indent=2)
    write_atomically(step.folder / _MARK, lambda part: part.write_text(mark + "\n"))


def mark_of(folder: Path) -> dict[str, str | float] | None:
    """What a finished step was `made_of`, and its `seconds`; None if it is not finished."""
    path = folder / _MARK
    return json.loads(path.read_text()) if path.exists() else None


def state_of(files: Iterable[Path], *settings: object) -> str:
    """A short text that changes with the files and settings.

    Args:
        files: of which place, size and time of the last change count, not the content, so that
            thousands of recordings are looked at in a moment; missing ones count as such.
        settings: plain values.
    """
    found = hashlib.sha256()
    for path in files:
        state = path.stat() if path.exists() else None
        seen = None if state is None else (state.st_size, state.st_mtime_ns)
        found.update(repr((str(path.absolute()), seen)).encode("utf-8", "surrogateescape"))
    found.update(repr(settings).encode())
    return found.hexdigest()[:16]


def contents_of(files: Iterable[Path], beside: Path) -> dict[str, str]:
    """The fingerprints of small files by their path below a folder; missing ones are left out."""
    return {
        path.relative_to(beside).as_posix() if path.is_relative_to(beside) else str(path): (
            hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        )
        for path in sorted(files)
        if path.is_file()
    }
