"""Names of species and their numbers, which are the places of their scores."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from rfcx_audio.data.rows import AnnotationError, few, listing
from rfcx_audio.data.table_text import frame_of, text_of

_NUMBERED = re.compile(r"s?(\d+)")


def number_species(names: pd.Series) -> dict[str, int]:
    """A number for each species name: its place in the alphabet.

    Names that are numbers (`7`, or `s7` as in tables of scores) keep them, where all names are.

    Raises:
        AnnotationError: two of them are the same number.
    """
    unique = sorted(name for name in names.unique() if name)
    numbers = [_NUMBERED.fullmatch(name) for name in unique]
    numbered = {name: int(found[1]) for name, found in zip(unique, numbers, strict=True) if found}
    if len(numbered) == len(unique):
        first_of: dict[int, str] = {}
        for name, number in numbered.items():
            first = first_of.setdefault(number, name)
            if first != name:
                raise AnnotationError(
                    f"species {first!r} and {name!r} are the same number; write them alike, or "
                    "give a species.csv, in which two names may have one species_id"
                )
        return numbered
    return {name: number for number, name in enumerate(unique)}


def read_species(path: Path, num_species: int | None) -> dict[str, int]:
    """The numbers that a file gives to species names.

    Args:
        path: CSV with the columns `species` and `species_id`; several names may share a number.
        num_species: the numbers must be from 0 to `num_species - 1`; None: any.

    Raises:
        AnnotationError: the file is no such table, or has other numbers.
    """
    text = frame_of(path, text_of(path))
    missing = [name for name in ("species", "species_id") if name not in text]
    if missing:
        raise AnnotationError(f"{path} line 1 lacks the column(s) {', '.join(missing)}")
    limit = 2**31 - 1 if num_species is None else num_species
    faults = [
        f"{path} line {row.line}: species_id {row.species_id!r} is no number from 0 to "
        f"{limit - 1}; mend it, or set data.num_species"
        for row in text.itertuples()
        if not re.fullmatch(r"\d+", str(row.species_id)) or int(str(row.species_id)) >= limit
    ]
    faults += [
        f"{path} line {row.line}: species {row.species!r} is empty or stands there twice; remove "
        "the line"
        for row in text[text["species"].duplicated() | (text["species"] == "")].itertuples()
    ]
    if faults:
        raise AnnotationError(listing(faults))
    species = {str(row.species): int(str(row.species_id)) for row in text.itertuples()}
    if num_species is not None:
        check_species(species, num_species, str(path))
    return species


def check_species(species: Mapping[str, int], num_species: int, source: str) -> None:
    """Refuses numbers that are not those from 0 to `num_species - 1`.

    Names that are numbers themselves may leave some out.

    Raises:
        AnnotationError: the number of species is another one.
    """
    found = set(species.values())
    numbered = all(_NUMBERED.fullmatch(name) for name in species)
    whole = len(found) == num_species == max(found, default=-1) + 1
    if whole or (numbered and max(found, default=0) < num_species):
        return
    wanted = max(found, default=-1) + 1
    if wanted == num_species:
        missing = next(number for number in range(wanted) if number not in found)
        raise AnnotationError(
            f"{source} numbers {len(found)} species ({few(list(species))}) up to {wanted - 1}, and "
            f"none of them {missing}; give every number from 0 on to a species"
        )
    raise AnnotationError(
        f"{source} names {len(found)} species ({few(list(species))}), numbered up to "
        f"{wanted - 1}, data.num_species is {num_species}; set data.num_species={wanted}"
        + ("" if len(found) == wanted else " and give every number from 0 on to a species")
    )
