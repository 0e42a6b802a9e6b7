"""Disks that are full, without being one."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager

FULL = "/dev/full"
"""Whatever is written there meets a disk without room (Linux)."""


@contextmanager
def no_file_above(size: int) -> Iterator[None]:
    """Writing beyond the size fails, in this process and those that it starts."""
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
