"""The outcome of trying one technique."""

from __future__ import annotations

from dataclasses import dataclass

OK, NOT_RUN = "ok", "not run"
_LONGEST = 200


@dataclass
class Outcome:
    """The outcome of trying a technique.

    Attributes:
        name: of the technique.
        outcome: `OK`, `NOT_RUN` and why, or the part that failed and the first line of its error.
        seconds: duration.
        peak_mb: peak GPU memory of tensors, MB; None without a GPU.
        waits: `none`, or where the second step waits for the GPU; None if not observed.
    """

    name: str
    outcome: str
    seconds: float = 0.0
    peak_mb: float | None = None
    waits: str | None = None

    def line(self) -> str:
        """The outcome as a line of text."""
        memory = "" if self.peak_mb is None else f"{self.peak_mb:6.0f} MB"
        waits = "" if self.waits is None else f"waits: {self.waits}"
        return (
            f"{self.name:<44} {self.seconds:5.1f} s {memory:>9}  {self.outcome}  {waits}".rstrip()
        )


def first_line(error: BaseException) -> str:
    """The type and the first line of an error, or of the error that caused it first."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else ''}"[:_LONGEST]
