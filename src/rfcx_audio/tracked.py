"""How far a loop is: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from time import monotonic
from typing import TypeVar

from rich.console import Console
from rich.progress import track

Item = TypeVar("Item")

LINE_EVERY_S = 30.0
_log = logging.getLogger(__name__)


def tracked(items: Iterable[Item], what: str, total: int, shown: bool = True) -> Iterator[Item]:
    """The items, unchanged; where there is no terminal to draw on, a line is logged now and then.

    Args:
        items: of a loop.
        what: it does, for the bar and the lines.
        total: how many items there are.
        shown: False: neither bar nor lines.
    """
    console = Console(stderr=True)
    if not shown or console.is_terminal:
        yield from track(items, what, total, console=console, disable=not shown)
        return
    logged = monotonic()
    for number, item in enumerate(items, start=1):
        yield item
        if monotonic() - logged >= LINE_EVERY_S:
            logged = monotonic()
            _log.info("%s: %d of %d", what, number, total)
