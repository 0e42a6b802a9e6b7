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
MARK = "step.json"


class Step(NamedTuple):
    """A piece of work that writes a folder.

    Attributes:
        folder: that it fills; its name is that of the step.
        what: it does, for the log.
        made_of: the files that its results depend on, all that may change from one call to the
            next; asked for when the steps before it are done.
        work: fills the folder, where what an interrupted call left may still be.
    """

    folder: Path
    what: str
    made_of: Callable[[], Iterable[Path]]
    work: Callable[[Path], None]


def take(step: Step, number: int, total: int) -> None:
    """Does a step, unless it was done with the same material.

    Args:
        step: to do.
        number: of the step, from 1, for the log.
        total: number of the steps.
    """
    made_of = state_of(step.made_of())
    before = mark_of(step.folder)
    name = f"step {number} of {total}, {step.folder.name}"
    if before is not None and before["made_of"] == made_of:
        _log.info("%s: finished before", name)
        return
    again = "" if before is None else ", again: what it is made of has changed"
    _log.info("%s: %s%s", name, step.what, again)
    begun = monotonic()
    (step.folder / MARK).unlink(missing_ok=True)  # until the work is whole again
    step.work(step.folder)
    mark = json.dumps({"made_of": made_of, "seconds": round(monotonic() - begun, 1)}, indent=2)
    write_atomically(step.folder / MARK, lambda part: part.write_text(mark + "\n"))


def mark_of(folder: Path) -> dict[str, str | float] | None:
    """What a finished step was `made_of`, and its `seconds`; None if it is not finished."""
    path = folder / MARK
    return json.loads(path.read_text()) if path.exists() else None


def state_of(files: Iterable[Path]) -> str:
    """A short text that changes with any of the files.

    Args:
        files: of which place, size and time of the last change count, not the content, so that
            thousands of recordings are looked at in a moment; missing ones count as such. A folder
            stands for all that is in it.
    """
    found = hashlib.sha256()
    for path in (one for place in files for one in [place, *sorted(place.rglob("*"))]):
        state = path.stat() if path.exists() else None
        seen = None if state is None else (state.st_size, state.st_mtime_ns)
        found.update(repr((str(path.absolute()), seen)).encode("utf-8", "surrogateescape"))
    return found.hexdigest()[:16]
