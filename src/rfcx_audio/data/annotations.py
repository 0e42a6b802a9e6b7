"""One reader of annotations, whatever program or person wrote them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import pandas as pd

from rfcx_audio.data.rows import RFCX_COLUMNS, AnnotationError, few, read_rfcx, read_rows
from rfcx_audio.data.species_numbers import check_species, number_species, read_species
from rfcx_audio.data.table_rows import table_rows
from rfcx_audio.data.table_text import first_line
from rfcx_audio.data.tables import read_tables
from rfcx_audio.data.truth import read_truth

RFCX_FILES = {"train_tp.csv": True, "train_fp.csv": False}
"""The files of a folder in the RFCX layout, and whether their rows are presences."""

_log = logging.getLogger(__name__)
_SPECIES_FILE = "species.csv"
_UNLIMITED = 2**31 - 1


class Annotations(NamedTuple):
    """What is known of the species in recordings.

    >>> rows = pd.DataFrame({"recording_id": ["dawn"], "species_id": [1], "present": [True]})
    >>> rfcx_audio.Annotations(rows, complete=True).complete
    True

    Attributes:
        rows: the columns of `RFCX_COLUMNS` (times in s, frequencies in Hz), and `present` (bool),
            `weight`, `source` (name of the file) and `line` (in that file). Complete truth may lack
            times and frequencies (NaN).
        names: name of each species by its number; empty where the numbers are all that is known.
        complete: whether the rows are all calls of all recordings that they are used for, so that
            a species without a row is absent; otherwise it is unknown there.
    """

    rows: pd.DataFrame
    names: Mapping[int, str] = MappingProxyType({})
    complete: bool = False


def read_annotations(
    place: str | Path,
    scored: int | Sequence[str] | None = None,
    species: str | Path | Mapping[str, int] | None = None,
    columns: Mapping[str, str | None] | None = None,
    f_max: float = 24_000.0,
) -> Annotations:
    """The annotations in a folder or a file.

    >>> truth = rfcx_audio.read_annotations("truth.csv")
    >>> truth.rows[["recording_id", "species_id", "t_min", "t_max"]]
      recording_id  species_id  t_min  t_max
    0         dawn           1    0.5    2.0
    >>> truth.complete
    True

    | place | is |
    |---|---|
    | a folder with `train_tp.csv`, `train_fp.csv` | RFCX: confirmed and refuted rows |
    | `train_tp.csv` or `train_fp.csv` by itself | one of them |
    | `truth.csv`, or a CSV with the column `split` | complete truth: every call |
    | another folder, or a file | Raven, Audacity or CSV tables, see `read_tables` |

    A folder is never read as complete truth, also where it holds a `truth.csv` beside its rows: ask
    for that file.

    Args:
        place: the folder or file.
        scored: the names of the species that are scored, in their order, or only their number;
            `species_id` of the rows is the place in that order. Rows of other species are left out,
            with a warning that names them. None: all species of the place.
        species: numbers of the names in Raven, Audacity and CSV tables, or a CSV of `species` and
            `species_id`. None: the `species.csv` beside the tables; without one, their place in
            `scored`, or in the alphabet.
        columns: of such tables by field, see `read_tables`.
        f_max: Hz, the upper edge of rows without one.

    Raises:
        AnnotationError: there is nothing to read, or it breaks a rule; the message names file and
            line.
    """
    place = Path(place)
    if not place.exists():
        raise AnnotationError(
            f"labels {place} do not exist; expected a folder with train_tp.csv and train_fp.csv, "
            "truth.csv, or Raven, Audacity or CSV tables"
        )
    beside = (place if place.is_dir() else place.parent) / _SPECIES_FILE
    if species is None and beside.exists():
        species = beside
    numbers = _given_numbers(species, scored)
    # Numbers without a name can only be places among what is scored.
    limit = _UNLIMITED if scored is None or numbers else _count(scored)
    complete = False
    if place.is_dir() and any((place / name).exists() for name in RFCX_FILES):
        rows = read_rfcx(place, limit)
    elif place.name in RFCX_FILES:
        rows = read_rows(place, RFCX_FILES[place.name], limit)
    elif is_truth(place):
        rows, complete = read_truth(place, limit), True
    else:
        files = [beside] + ([] if species is None or isinstance(species, Mapping) else [species])
        tables = read_tables(place, columns, tuple(map(Path, files)))
        numbers = numbers or _numbers_of_tables(tables, place, scored)
        rows = table_rows(tables, numbers, _UNLIMITED, f_max)
    names = {number: name for name, number in reversed(numbers.items())}  # the first name counts
    if scored is None or isinstance(scored, int):
        return Annotations(rows, names, complete)
    if not _are_numbers(scored):
        names = dict(enumerate(scored))
    return Annotations(_of_scored(rows, numbers, scored, place), names, complete)


def _count(scored: int | Sequence[str]) -> int:
    return scored if isinstance(scored, int) else len(scored)


def _given_numbers(
    species: str | Path | Mapping[str, int] | None, scored: int | Sequence[str] | None
) -> dict[str, int]:
    """Number of each species by name, where numbers are given."""
    if species is None or isinstance(species, Mapping):
        return dict(species or {})
    return read_species(Path(species), scored if isinstance(scored, int) else None)


def _numbers_of_tables(
    tables: pd.DataFrame, place: Path, scored: int | Sequence[str] | None
) -> dict[str, int]:
    """Number of each species by name, from the names themselves."""
    numbers = number_species(tables["species"])
    if isinstance(scored, int):
        by_number = scored
    elif scored is None or not _are_numbers(scored):
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


def _are_numbers(scored: Sequence[str]) -> bool:
    """Whether the scored species have no names but `s0`, `s1` and so on."""
    return all(name == f"s{number}" for number, name in enumerate(scored))


def _of_scored(
    rows: pd.DataFrame, numbers: Mapping[str, int], scored: Sequence[str], place: Path
) -> pd.DataFrame:
    """Rows whose `species_id` is the place among the scored species; others are left out."""
    if not numbers or _are_numbers(scored):
        found = {number: number for number in range(len(scored))}
    else:
        places = {name: number for number, name in enumerate(scored)}
        found = {number: places[name] for name, number in numbers.items() if name in places}
    which = rows["species_id"].isin(list(found))
    if not which.all():
        names = {number: name for name, number in numbers.items()}
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
    return kept.assign(species_id=kept["species_id"].map(found)).reset_index(drop=True)


def is_truth(place: Path) -> bool:
    """Whether a file lists every call: it is called `truth.csv`, or has a column `split`."""
    if place.is_dir():
        return False
    if place.name == "truth.csv":
        return True
    header = [cell.strip() for cell in first_line(place).split(",")]
    return {"split", *RFCX_COLUMNS[:2]} <= set(header)
