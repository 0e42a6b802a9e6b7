"""What became of one technique."""

from __future__ import annotations

from dataclasses import dataclass

OK, NOT_RUN = "ok", "not run"
_LONGEST = 200


@dataclass
class Outcome:
    """What became of a technique.

    Attributes:
        name: of the technique.
        outcome: `OK`, `NOT_RUN` and why, or the part that failed and the first line of its error.
        seconds: that it took.
        peak_mb: of the GPU's memory that tensors took; None without a GPU.
        waits: `none`, or where the second step waits for the GPU; None where that was not seen.
    """

    name: str
    outcome: str
    seconds: float = 0.0
    peak_mb: float | None = None
    waits: str | None = None

    def line(self) -> str:
        """For people."""
        memory = "" if self.peak_mb is None else f"{self.peak_mb:6.0f} MB"
        waits = "" if self.waits is None else f"waits: {self.waits}"
        return (
            f"{self.name:<44} {self.seconds:5.1f} s {memory:>9}  {self.outcome}  {waits}".rstrip()
        )


def first_line(error: BaseException) -> str:
    """The kind of an error and the first line of its message, those of its first cause if any."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else ''}"[:_LONGEST]
