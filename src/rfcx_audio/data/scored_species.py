"""The species of annotations as places among the species that are scored."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from rfcx_audio.data.rows import AnnotationError, few
from rfcx_audio.data.species_numbers import check_species, number_species, read_species

_log = logging.getLogger(__name__)


def count_of(scored: int | Sequence[str]) -> int:
    """The number of scored species."""
    return scored if isinstance(scored, int) else len(scored)


def given_numbers(
    species: str | Path | Mapping[str, int] | None, scored: int | Sequence[str] | None
) -> dict[str, int]:
    """Number of each species by name, where numbers are given."""
    if species is None or isinstance(species, Mapping):
        return dict(species or {})
    return read_species(Path(species), scored if isinstance(scored, int) else None)


def numbers_of_tables(
    tables: pd.DataFrame, place: Path, scored: int | Sequence[str] | None
) -> dict[str, int]:
    """Number of each species by name, from the names themselves."""
    numbers = number_species(tables["species"])
    if isinstance(scored, int):
        by_number = scored
    elif scored is None or not are_numbers(scored):
        return numbers
    else:
        by_number = len(scored)
    try:
        check_species(numbers, by_number, str(place))
    except AnnotationError:
        raise AnnotationError(
            f"{place} names {len(numbers)} species ({few(list(numbers))}), {by_number} without "
            "names are scored; give species=…, a CSV with the columns species and species_id"
        ) from None
    return numbers


def are_numbers(scored: Sequence[str]) -> bool:
    """Whether the scored species have no names but `s0`, `s1` and so on."""
    return all(name == f"s{number}" for number, name in enumerate(scored))


def places_of(numbers: Mapping[str, int], scored: Sequence[str]) -> dict[int, int]:
    """The place among the scored species of each number of the annotations."""
    if not numbers or are_numbers(scored):
        return {number: number for number in range(len(scored))}
    places = {name: number for number, name in enumerate(scored)}
    return {number: places[name] for name, number in numbers.items() if name in places}


def of_scored(
    rows: pd.DataFrame,
    names: Mapping[int, str],
    places: Mapping[int, int],
    scored: Sequence[str],
    place: Path,
) -> pd.DataFrame:
    """Rows whose `species_id` is the place among the scored species; others are left out.

    Args:
        rows: with the numbers of the annotations.
        names: by those numbers, where they are known.
        places: see `places_of`.
        scored: names.
        place: of the annotations, for messages.

    Raises:
        AnnotationError: none of the rows is of a scored species.
    """
    which = rows["species_id"].isin(list(places))
    if not which.all():
        others = sorted({names.get(one, f"s{one}") for one in rows.loc[~which, "species_id"]})
        if not which.any():
            raise AnnotationError(
                f"none of the species in {place} ({few(others)}) is scored; the scores have "
                f"{few(list(scored))}. Names must be the same, or stand together in a species.csv "
                "(species, species_id; several names may share a number)"
            )
        _log.warning(
            "%d of %d rows in %s are of species that are not scored, and are left out: %s",
            *(int((~which).sum()), len(rows), place, ", ".join(others)),
        )
    kept = rows[which]
    return kept.assign(species_id=kept["species_id"].map(dict(places))).reset_index(drop=True)
