"""One reader of annotations, whatever program or person wrote them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from glob import escape
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import pandas as pd

from rfcx_audio.data.coverage import EVERYWHERE, NOWHERE, CompleteSpan, Coverage, read_coverage
from rfcx_audio.data.matching import placed_rows
from rfcx_audio.data.recordings import Recordings
from rfcx_audio.data.rows import RFCX_COLUMNS, RFCX_FILES, AnnotationError, read_rfcx, read_rows
from rfcx_audio.data.scored_species import (
    are_numbers,
    count_of,
    given_numbers,
    numbers_of_tables,
    of_scored,
    places_of,
)
from rfcx_audio.data.table_rows import table_rows
from rfcx_audio.data.table_text import columns_of, separator_of, text_of
from rfcx_audio.data.tables import NO_SPECIES, read_tables
from rfcx_audio.data.truth import read_truth
from rfcx_audio.verdicts import is_verdict_store

_log = logging.getLogger(__name__)
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
            `weight`, `source` (name of the file), `line` (in that file) and `whole_band` (bool: the
            table has no frequencies for the row). Complete truth may lack times and frequencies
            (NaN).
        names: name of each species by its number; empty where the numbers are all that is known.
        complete: where the rows are all calls, so that a species without a row is absent;
            elsewhere it is unknown.
        without_rows: recordings that a table is about, without a row there: the table is empty, or
            its rows name no species (`ignore`).
        unmatched: by recording that was not found, what is known of the reason.
    """

    rows: pd.DataFrame
    names: Mapping[int, str] = MappingProxyType({})
    complete: Coverage = NOWHERE
    without_rows: tuple[str, ...] = ()
    unmatched: Mapping[str, str] = MappingProxyType({})

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
            spans = [CompleteSpan(escape(name), species=species) for name in named]
            return self._replace(complete=Coverage(tuple(spans)))
        if not isinstance(complete, str | Path):
            raise AnnotationError(f"complete = {complete!r}; expected true, false or a CSV file")
        return self._replace(complete=read_coverage(Path(complete), self.names))


def read_annotations(
    place: str | Path,
    scored: int | Sequence[str] | None = None,
    species: str | Path | Mapping[str, int] | None = None,
    columns: Mapping[str, str | None] | None = None,
    f_max: float = 24_000.0,
    ignore: Sequence[str] = NO_SPECIES,
    recordings: Recordings | Iterable[str] | None = None,
    complete: bool | str | Path | None = None,
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
    | `verdicts.sqlite` | a store of `rfcx-audio review`: confirmed and rejected clips |
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
        ignore: names in such tables that are no species, see `read_tables`; those that are scored
            are species all the same.
        recordings: that the rows of such tables are about, or their ids, which the rows get, see
            `match_recordings`; with their lengths, a row that ends in the next file labels both.
            None: `recording_id` is the name of the file alone, in whatever folder it is.
        complete: where every call is marked, see `Annotations.declared`; a table that states it is
            not read as labels, also where it lies among them.

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
    numbers = given_numbers(species, scored)
    # Numbers without a name can only be places among what is scored.
    limit = _UNLIMITED if scored is None or numbers else count_of(scored)
    coverage, without_rows, unmatched = NOWHERE, (), {}
    if place.is_dir() and any((place / name).exists() for name in RFCX_FILES):
        rows = read_rfcx(place, limit)
    elif place.name in RFCX_FILES:
        rows = read_rows(place, RFCX_FILES[place.name], limit)
    elif is_truth(place):
        rows, coverage = read_truth(place, limit), EVERYWHERE
    else:
        others = tuple(Path(one) for one in (species, complete) if isinstance(one, str | Path))
        wanted = () if scored is None or isinstance(scored, int) else scored
        ignored = [name for name in ignore if name not in wanted]  # what is scored is a species
        tables = read_tables(place, columns, others, ignored)
        for note in tables.notes:
            _log.warning("%s", note)
        numbers = numbers or numbers_of_tables(tables.rows, place, scored)
        rows = table_rows(tables.rows, numbers, _UNLIMITED, f_max)
        rows, without_rows, unmatched = placed_rows(rows, tables.without_rows, recordings)
    names = {number: name for name, number in reversed(numbers.items())}  # the first name counts
    if scored is not None and not isinstance(scored, int):
        known = places_of(numbers, scored)
        rows = of_scored(rows, names, known, scored, place)
        names = names if are_numbers(scored) else {n: scored[n] for n in known.values()}
    return Annotations(rows, names, coverage, without_rows, unmatched).declared(complete)


def is_truth(place: Path) -> bool:
    """Whether a file lists every call: it is called `truth.csv`, or has a column `split`."""
    if place.is_dir() or is_verdict_store(place):
        return False
    if place.name == "truth.csv":
        return True
    content = text_of(place)
    header = columns_of(place, content) if separator_of(content) == "," else []
    return {"split", *RFCX_COLUMNS[:2]} <= set(header)
