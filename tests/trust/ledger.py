"""What was tried and what was lost: written by the tests, told in `docs/reliability.md`."""

from __future__ import annotations

import json
import os
from pathlib import Path

PLACE = "TRUST_LEDGER"
"""Environment variable: the file that `make trust` collects lines in; without it, tests are brief
and nothing is written."""


class Tally:
    """The cases of one promise, counted by a test.

    Attributes:
        tried: how many.
        lost: what became of those that broke the promise, in words.
    """

    def __init__(self) -> None:
        self.tried = 0
        self.lost: list[str] = []

    def case(self, kept: bool, words: str = "") -> None:
        """Counts one case; `words` tell which it is, if it is lost."""
        self.tried += 1
        if not kept:
            self.lost.append(words)

    def cases(self, tried: int, lost: list[str]) -> None:
        """Counts many."""
        self.tried += tried
        self.lost += lost

    def settle(self) -> None:
        """Fails the test that lost a case, or tried none."""
        assert self.tried, "no case was tried"
        assert not self.lost, f"{len(self.lost)} of {self.tried} lost:\n" + "\n".join(
            self.lost[:20]
        )


def brief_or_long(brief: int, long: int) -> int:
    """How many cases a test tries: few in `make test`, many in `make trust`."""
    return long if PLACE in os.environ else brief


def write_line(part: str, promise: str, tried: int, lost: int, note: str = "") -> None:
    """Adds a line to the ledger, if there is one."""
    if PLACE in os.environ:
        line = {"part": part, "promise": promise, "tried": tried, "lost": lost, "note": note}
        with Path(os.environ[PLACE]).open("a") as file:
            file.write(json.dumps(line) + "\n")
