"""Simulating full disks."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager

FULL = "/dev/full"
"""A device on which every write fails for lack of space (Linux)."""


@contextmanager
def no_file_above(size: int) -> Iterator[None]:
    """Makes writes beyond the size fail, in this process and its children."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def has_full_disk() -> bool:
    """Whether this system has `FULL`."""
    return os.path.exists(FULL)  # noqa: PTH110 (no file, for pathlib's)
