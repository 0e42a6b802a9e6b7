"""Properties of the data that a study varies, one at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from studies.jobs import Entry

BASE = "base"
"""The place of the data that every factor starts from."""


class Level(NamedTuple):
    """One value of a property of the data.

    Attributes:
        factor: the property, in a few words.
        at: its value, as it is shown.
        place: the name of the data, after the `@` in that of a run.
        overrides: that make the data so; none for the data that all factors start from.
    """

    factor: str
    at: str
    place: str
    overrides: tuple[str, ...]


def read_levels(factors: Mapping[str, Mapping[str, Any]]) -> list[Level]:
    """The levels of a configuration: by name, `what` a factor is and its `levels`, in order.

    A level without overrides is that of the base.
    """
    return [
        Level(
            factor["what"],
            str(at),
            f"{name}_{number}" if overrides else BASE,
            tuple(overrides),
        )
        for name, factor in factors.items()
        for number, (at, overrides) in enumerate(factor["levels"].items())
    ]


def entries_by_level(entries: Sequence[Entry], levels: Sequence[Level]) -> list[Entry]:
    """Every entry with the data of every level, the base once, which comes first."""
    places = {level.place: level.overrides for level in levels}
    ordered = sorted(places, key=lambda place: place != BASE)
    return [one.elsewhere(place, places[place]) for place in ordered for one in entries]
