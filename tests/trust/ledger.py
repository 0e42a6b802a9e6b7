"""The ledger of cases tried and lost, from which `docs/reliability.md` is written."""

from __future__ import annotations

import json
import os
from pathlib import Path

PLACE = "TRUST_LEDGER"
"""Environment variable: the file in which `make trust` collects lines; without it, tests are short
and nothing is written."""


class Tally:
    """The cases of one promise, counted by a test.

    Attributes:
        tried: number of cases.
        lost: descriptions of the cases that broke the promise.
    """

    def __init__(self) -> None:
        self.tried = 0
        self.lost: list[str] = []

    def case(self, kept: bool, words: str = "") -> None:
        """Counts one case; `words` describe it if it is lost."""
        self.tried += 1
        if not kept:
            self.lost.append(words)

    def cases(self, tried: int, lost: list[str]) -> None:
        """Counts several cases."""
        self.tried += tried
        self.lost += lost

    def settle(self) -> None:
        """Fails a test that lost a case, or tried none."""
        assert self.tried, "no case was tried"
        assert not self.lost, f"{len(self.lost)} of {self.tried} lost:\n" + "\n".join(
            self.lost[:20]
        )


def brief_or_long(brief: int, long: int) -> int:
    """The number of cases of a test: few in `make test`, many in `make trust`."""
    return long if PLACE in os.environ else brief


def write_line(part: str, promise: str, tried: int, lost: int, note: str = "") -> None:
    """Adds a line to the ledger, if there is one."""
    if PLACE in os.environ:
        line = {"part": part, "promise": promise, "tried": tried, "lost": lost, "note": note}
        with Path(os.environ[PLACE]).open("a") as file:
            file.write(json.dumps(line) + "\n")
