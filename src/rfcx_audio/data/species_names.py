"""The names of the species of a data set, in the order of their numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import pandas as pd

from rfcx_audio.data.species_numbers import check_species, read_species
from rfcx_audio.data.table_text import frame_of, text_of

OTHER_NAMES = ("scientific_name", "common_name")
"""The further columns of species.csv."""


class SpeciesNames(NamedTuple):
    """The species that are scored.

    Attributes:
        names: in the order of the scores; `s0`, `s1`, … where only numbers are known.
        others: scientific and common names by name, where they are known.
    """

    names: tuple[str, ...]
    others: Mapping[str, Mapping[str, str]] = MappingProxyType({})

    def __str__(self) -> str:
        """The number of species, and the first names."""
        count = len(self.names)
        return f"{count} species: {', '.join(self.names[:8])}{', …' if count > 8 else ''}"


def names_of(numbers: Mapping[str, int], num_species: int) -> tuple[str, ...]:
    """The first name of each number, `s<number>` where there is none."""
    found: dict[int, str] = {}
    for name, number in numbers.items():
        found.setdefault(number, name)
    return tuple(found.get(number, f"s{number}") for number in range(num_species))


def other_names(path: Path, names: Iterable[str]) -> dict[str, dict[str, str]]:
    """The scientific and common names that species.csv states, by name.

    Raises:
        AnnotationError: it is no such table.
    """
    text = frame_of(path, text_of(path))
    there = [column for column in OTHER_NAMES if column in text]
    rows = text[text["species"].isin(list(names))]
    stated = {
        str(name): {column: str(row[column]) for column in there if row[column]}
        for name, row in zip(rows["species"], rows.to_dict("records"), strict=True)
    }
    return {name: row for name, row in stated.items() if row}


def read_species_names(path: Path, num_species: int | None) -> SpeciesNames:
    """The names in a species.csv, see `read_species`.

    Args:
        path: CSV with `species`, `species_id` and, if known, the columns of `OTHER_NAMES`.
        num_species: None: as many as the file has.

    Raises:
        AnnotationError: it is no such table, or has other numbers or gaps between them.
    """
    numbers = read_species(path, num_species)
    if num_species is None:
        num_species = max(numbers.values(), default=-1) + 1
        check_species(numbers, num_species, str(path))
    names = names_of(numbers, num_species)
    return SpeciesNames(names, other_names(path, names))


def write_species_names(species: SpeciesNames, path: Path) -> None:
    """The inverse of `read_species_names`."""
    table = pd.DataFrame({"species": species.names, "species_id": range(len(species.names))})
    for column in OTHER_NAMES:
        known = [species.others.get(name, {}).get(column, "") for name in species.names]
        if any(known):
            table[column] = known
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(path, index=False)
