"""Errors that a sentence of this library explains, so that a command prints no traceback."""

from __future__ import annotations

import dis
import errno
import os
from pathlib import Path

_OURS = ("rfcx_audio", "studies")
_NOT_WRITABLE = {
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT),
    *(errno.ENOTDIR, errno.EEXIST, errno.EISDIR),
}


def refusal(error: BaseException) -> str | None:
    """The sentence that explains an error; None for an unforeseen error.

    Foreseen is what a `raise` in this library's own code has raised, and a place that cannot be
    written. All else may be a fault of the program, for which a traceback is of more use.

    Args:
        error: as it was caught, with its traceback.
    """
    if _is_raised_here(error):
        return getattr(error, "strerror", None) or str(error)
    if isinstance(error, OSError) and error.errno in _NOT_WRITABLE and error.filename:
        path = Path(os.fsdecode(error.filename))
        if not _is_of_writing(path, error):
            return None
        return (
            f"{path} cannot be written: {error.strerror}; give a folder that can be written to: "
            "out=…"
        )
    return None


def _is_raised_here(error: BaseException) -> bool:
    """Whether the innermost frame is of this library, and a `raise` statement."""
    trace = error.__traceback__
    if trace is None:
        return False
    while trace.tb_next is not None:
        trace = trace.tb_next
    name = str(trace.tb_frame.f_globals.get("__name__", "")).partition(".")[0]
    instruction = trace.tb_frame.f_code.co_code[trace.tb_lasti]
    return name in _OURS and instruction == dis.opmap["RAISE_VARARGS"]


def _is_of_writing(path: Path, error: OSError) -> bool:
    """Whether it is the writing that failed: the nearest folder that exists takes no files."""
    if error.errno != errno.EACCES:
        return True
    there = next((one for one in (path, *path.absolute().parents) if one.exists()), path)
    return not os.access(there, os.W_OK)
