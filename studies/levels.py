"""Properties of the data that a study varies, one at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from studies.jobs import Entry

BASE = "base"
"""The name of the data that all factors share as a level."""


class Level(NamedTuple):
    """One value of a property of the data.

    Attributes:
        factor: the property, in a few words.
        at: its value, as shown on the page.
        place: the name of the data, after the `@` in the name of a run.
        overrides: of the data; empty for the base.
    """

    factor: str
    at: str
    place: str
    overrides: tuple[str, ...]


def read_levels(factors: Mapping[str, Mapping[str, Any]]) -> list[Level]:
    """The levels of a configuration, in order.

    Args:
        factors: by name, `what` the factor is, its `levels` and, if any, the overrides that its
            levels have in `common`; a level without overrides is the base.
    """
    levels = []
    for name, factor in factors.items():
        common = tuple(factor.get("common", ()))
        for number, (at, own) in enumerate(factor["levels"].items()):
            overrides = (*common, *own)
            place = f"{name}_{number}" if overrides else BASE
            levels.append(Level(factor["what"], str(at), place, overrides))
    return levels


def entries_by_level(entries: Sequence[Entry], levels: Sequence[Level]) -> list[Entry]:
    """Every entry with the data of every level; the base comes first, and only once."""
    places = {level.place: level.overrides for level in levels}
    ordered = sorted(places, key=lambda place: place != BASE)
    return [one.elsewhere(place, places[place]) for place in ordered for one in entries]
