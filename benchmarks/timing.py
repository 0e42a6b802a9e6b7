"""Ratios: two or more things timed in turn, so that both meet the same state of the machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from time import perf_counter
from typing import Any

import torch


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        group: what was done.
        ours: how this library did it.
        other: what it is compared with.
        unit: of the values.
        values: ours and the other's, a pair for each repeat.
        goal: the largest ratio, ours to the other's, that is good enough; None: for information.
    """

    group: str
    ours: str
    other: str
    unit: str
    values: Sequence[tuple[float, float]]
    goal: float | None

    @property
    def ratios(self) -> list[float]:
        """Ours to the other's, in each repeat."""
        return [ours / other for ours, other in self.values]

    @property
    def ratio(self) -> float:
        """The median."""
        return median(self.ratios)

    def line(self) -> dict[str, Any]:
        """All that is kept of it."""
        ours, others = zip(*self.values, strict=True)
        return asdict(self) | {
            "median_ours": median(ours),
            "median_other": median(others),
            "ratio": self.ratio,
            "lowest": min(self.ratios),
            "highest": max(self.ratios),
            "reached": self.goal is None or self.ratio <= self.goal,
        }


@dataclass(frozen=True)
class NotMeasured:
    """A line that the table should have, and why it has it not.

    Attributes:
        what: the group, and what would have been compared.
        reason: in a few words.
        failed: whether something is wrong; else a package or an option is not there.
    """

    what: str
    reason: str
    failed: bool = False


def timed_in_turn(
    calls: Mapping[str, Callable[[], object]], repeats: int
) -> dict[str, list[float]]:
    """Seconds of each call in each repeat, after one that does not count.

    Args:
        calls: by name; each repeat makes all of them, forwards and backwards by turns.
        repeats: number of times.
    """
    found: dict[str, list[float]] = {name: [] for name in calls}
    for repeat in range(-1, repeats):
        for name in list(calls)[:: 1 if repeat % 2 else -1]:
            begun = perf_counter()
            calls[name]()
            synchronize()
            if repeat >= 0:
                found[name].append(perf_counter() - begun)
    return found


def seconds_each(call: Callable[[], object], number: int, warm_up: int) -> float:
    """Seconds of one of many calls in a row, after some that do not count.

    A GPU works behind the calls, and nothing waits for it before the last: how it is in a training.

    Args:
        call: to time.
        number: of calls that count.
        warm_up: of calls before.
    """
    for _ in range(warm_up):
        call()
    synchronize()
    begun = perf_counter()
    for _ in range(number):
        call()
    synchronize()
    return (perf_counter() - begun) / number


def synchronize() -> None:
    """Waits until the GPU, if there is one, has done what was asked."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def rows_of(
    group: str, ours: str, times: Mapping[str, Sequence[float]], goals: Mapping[str, float]
) -> list[Row]:
    """A row for each thing that has a goal, ours against it.

    Args:
        group: what was done.
        ours: the name of ours among `times`.
        times: s.
        goals: largest ratio by name of the other.
    """
    return [
        Row(group, ours, other, "s", list(zip(times[ours], times[other], strict=True)), goal)
        for other, goal in goals.items()
    ]
