"""One reader of annotations, whatever program or person wrote them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import pandas as pd

from rfcx_audio.data.coverage import (
    EVERYWHERE,
    NOWHERE,
    CompleteSpan,
    Coverage,
    read_coverage,
)
from rfcx_audio.data.rows import RFCX_COLUMNS, AnnotationError, few, read_rfcx, read_rows
from rfcx_audio.data.species_numbers import check_species, number_species, read_species
from rfcx_audio.data.table_rows import table_rows
from rfcx_audio.data.table_text import first_line
from rfcx_audio.data.tables import read_tables
from rfcx_audio.data.truth import read_truth

RFCX_FILES = {"train_tp.csv": True, "train_fp.csv": False}
"""The files of a folder in the RFCX layout, and whether their rows are presences."""

_SPECIES_FILE = "species.csv"
_UNLIMITED = 2**31 - 1


class Annotations(NamedTuple):
    """What is known of the species in recordings.

    >>> rows = pd.DataFrame({"recording_id": ["dawn"], "species_id": [1], "present": [True]})
    >>> partial = rfcx_audio.Annotations(rows)
    >>> bool(partial.complete), bool(partial.declared(complete=True).complete)
    (False, True)

    Attributes:
        rows: the columns of `RFCX_COLUMNS` (times in s, frequencies in Hz), and `present` (bool),
            `weight`, `source` (name of the file) and `line` (in that file). Complete truth may lack
            times and frequencies (NaN).
        names: name of each species by its number; empty where the numbers are all that is known.
        complete: where the rows are all calls, so that a species without a row is absent;
            elsewhere it is unknown.
        without_rows: recordings that a table is about, without a row there.
    """

    rows: pd.DataFrame
    names: Mapping[int, str] = MappingProxyType({})
    complete: Coverage = NOWHERE
    without_rows: tuple[str, ...] = ()

    @property
    def recordings(self) -> list[str]:
        """The recordings that have rows, or a table without any; sorted."""
        return sorted({*map(str, self.rows["recording_id"]), *self.without_rows})

    def declared(self, complete: bool | str | Path | None) -> Annotations:
        """The same rows, complete where their author states it.

        Args:
            complete: True: in all `recordings`, for all species of the labels (complete truth, as
                in `truth.csv`, stays so); False: nowhere; a table, see `read_coverage`; None: as
                it is.

        Raises:
            AnnotationError: the table cannot be used.
        """
        if complete is None or (complete is True and self.complete):
            return self
        if isinstance(complete, bool):
            species = frozenset(self.names) or None
            named = self.recordings if complete else []
            spans = [CompleteSpan(name, species=species) for name in named]
            return self._replace(complete=Coverage(tuple(spans)))
        return self._replace(complete=read_coverage(Path(complete), self.names))


def read_annotations(
    place: str | Path,
    num_species: int | None = None,
    species: str | Path | Mapping[str, int] | None = None,
    columns: Mapping[str, str | None] | None = None,
    f_max: float = 24_000.0,
) -> Annotations:
    """The annotations in a folder or a file.

    >>> truth = rfcx_audio.read_annotations("truth.csv")
    >>> truth.rows[["recording_id", "species_id", "t_min", "t_max"]]
      recording_id  species_id  t_min  t_max
    0         dawn           1    0.5    2.0
    >>> bool(truth.complete)
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
        num_species: species are numbered from 0 to `num_species - 1`; None: up to any number.
        species: numbers of the names in Raven, Audacity and CSV tables, or a CSV of `species` and
            `species_id`. None: the `species.csv` beside the tables; without one, their place in the
            alphabet.
        columns: of such tables by field, see `read_tables`.
        f_max: Hz, the upper edge of rows without one.

    Raises:
        AnnotationError: there is nothing to read, or it breaks a rule; the message names file and
            line.
    """
    place = Path(place)
    limit = _UNLIMITED if num_species is None else num_species
    if not place.exists():
        raise AnnotationError(
            f"labels {place} do not exist; expected a folder with train_tp.csv and train_fp.csv, "
            "truth.csv, or Raven, Audacity or CSV tables"
        )
    if place.is_dir() and any((place / name).exists() for name in RFCX_FILES):
        return Annotations(read_rfcx(place, limit))
    if place.name in RFCX_FILES:
        return Annotations(read_rows(place, RFCX_FILES[place.name], limit))
    if is_truth(place):
        return Annotations(read_truth(place, limit), complete=EVERYWHERE)
    folder = place if place.is_dir() else place.parent
    beside = folder / _SPECIES_FILE
    if species is None and beside.exists():
        species = beside
    no_tables = (
        (beside,) if species is None or isinstance(species, Mapping) else (beside, Path(species))
    )
    tables = read_tables(place, columns, no_tables)
    numbers = _numbers(species, tables, place, num_species)
    names = {number: name for name, number in reversed(numbers.items())}  # the first name counts
    return Annotations(table_rows(tables, numbers, limit, f_max), names)


def is_truth(place: Path) -> bool:
    """Whether a file lists every call: it is called `truth.csv`, or has a column `split`."""
    if place.is_dir():
        return False
    if place.name == "truth.csv":
        return True
    header = [cell.strip() for cell in first_line(place).split(",")]
    return {"split", *RFCX_COLUMNS[:2]} <= set(header)


def _numbers(
    species: str | Path | Mapping[str, int] | None,
    tables: pd.DataFrame,
    place: Path,
    num_species: int | None,
) -> dict[str, int]:
    """Number of each species by name."""
    if isinstance(species, Mapping):
        return dict(species)
    if species is not None:
        return read_species(Path(species), num_species)
    numbers = number_species(tables["species"])
    if num_species is None:
        return numbers
    try:
        check_species(numbers, num_species, str(place))
    except AnnotationError:
        raise AnnotationError(
            f"{place} names {len(numbers)} species ({few(list(numbers))}), {num_species} are "
            "scored; give species=…, a CSV with the columns species and species_id: training with "
            "data=table wrote one beside its tables"
        ) from None
    return numbers
