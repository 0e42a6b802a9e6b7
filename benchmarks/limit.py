"""A time limit within a command, which then ends with the results that it has."""

from __future__ import annotations

import signal
from collections.abc import Generator
from contextlib import contextmanager
from time import monotonic
from types import FrameType


class OutOfTime(Exception):  # noqa: N818 (nothing is wrong)
    """The time is used up; what was running is not finished."""


class Limit:
    """A time limit, counted from its construction.

    Args:
        seconds: total.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._begun = monotonic()

    @property
    def used(self) -> float:
        """Seconds since the construction."""
        return monotonic() - self._begun

    @property
    def left(self) -> float:
        """Seconds until the limit, at least 0."""
        return max(0.0, self.seconds - self.used)

    @contextmanager
    def enforced(self, at_most: float = float("inf")) -> Generator[None]:
        """Interrupts the code inside when the time is used up; for the main thread only.

        Args:
            at_most: limit of this part, s; the time left applies if it is shorter.

        Raises:
            OutOfTime: the time is used up.
        """
        allowed = min(self.left, at_most)
        if allowed <= 0:
            raise OutOfTime(f"the limit of {self.seconds:g} s is reached")

        def interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
            raise OutOfTime(f"interrupted after {allowed:.0f} s")

        before = signal.signal(signal.SIGALRM, interrupt)
        signal.setitimer(signal.ITIMER_REAL, allowed)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
