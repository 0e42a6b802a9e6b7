"""How a command that goes on where it was stopped ends after Ctrl-C."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rfcx_audio.experiment.run import INTERRUPTED

_log = logging.getLogger(__name__)


@contextmanager
def resumable(folder: str | Path) -> Iterator[None]:
    """Ends the command with a line about how to go on, and the exit code of Ctrl-C.

    Args:
        folder: of what is done.
    """
    try:
        yield
    except (KeyboardInterrupt, SystemExit) as error:  # the latter is how training ends after Ctrl-C
        if isinstance(error, SystemExit) and error.code != INTERRUPTED:
            raise
        _log.warning(
            "stopped; what is done is kept. To go on, give the same command with out=%s", folder
        )
        raise SystemExit(INTERRUPTED) from None
