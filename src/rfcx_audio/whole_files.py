"""Writing files atomically."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Writes a file completely or not at all, even if the process or the power fails.

    Args:
        path: of the file; its folder is created if missing, and an older file is replaced.
        write: called with the path to write to.

    Raises:
        OSError: it could not be written, for example on a full disk; an older file is unchanged.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.parent / f".{uuid4().hex}.part{path.suffix}"
    try:
        write(part)
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise OSError(
            error.errno,
            f"{path} could not be written ({error.strerror or error}); what is done is kept, and "
            "files that were there before are whole. Make room, and give the same command again",
        ) from None


def save_picture(figure: Figure, path: Path) -> None:
    """Writes a figure as PNG; creates its folder if missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=80)
