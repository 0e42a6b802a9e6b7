"""Ratios of times measured in turn, so that both are under the same load of the machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from time import perf_counter
from typing import Any

import torch


@dataclass(frozen=True)
class Row:
    """One row of the table.

    Attributes:
        group: the task.
        ours: how this library does it.
        other: the reference.
        unit: of the values.
        values: (ours, reference), a pair for each repeat.
        goal: the largest acceptable ratio of ours to the reference; None for no goal.
    """

    group: str
    ours: str
    other: str
    unit: str
    values: Sequence[tuple[float, float]]
    goal: float | None

    @property
    def ratios(self) -> list[float]:
        """The ratio of ours to the reference in each repeat."""
        return [ours / other for ours, other in self.values]

    @property
    def ratio(self) -> float:
        """The median ratio."""
        return median(self.ratios)

    def line(self) -> dict[str, Any]:
        """The row as written to the result file."""
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
    """A row that could not be measured.

    Attributes:
        what: the group and the comparison.
        reason: in a few words.
        failed: whether an error occurred; otherwise a package or an option is missing.
    """

    what: str
    reason: str
    failed: bool = False


def timed_in_turn(
    calls: Mapping[str, Callable[[], object]], repeats: int
) -> dict[str, list[float]]:
    """Seconds of each call in each repeat, after one warm-up.

    Args:
        calls: by name; each repeat makes all calls, in alternating order.
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
    """Mean seconds of a call in a row of calls, after a warm-up.

    As in training, GPU work is asynchronous: only the last call is waited for.

    Args:
        call: to time.
        number: of timed calls.
        warm_up: number of calls before.
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
    """Waits for the GPU, if there is one."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def rows_of(
    group: str, ours: str, times: Mapping[str, Sequence[float]], goals: Mapping[str, float]
) -> list[Row]:
    """A row for each reference that has a goal.

    Args:
        group: the task.
        ours: the name of ours among `times`.
        times: s, by name.
        goals: largest ratio, by name of the reference.
    """
    return [
        Row(group, ours, other, "s", list(zip(times[ours], times[other], strict=True)), goal)
        for other, goal in goals.items()
    ]
