"""Annotation rows from the text of a user's own tables, with their values checked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from rfcx_audio.data.rows import (
    RFCX_COLUMNS,
    AnnotationError,
    as_numbers,
    few,
    listing,
    row_faults,
)

_PRESENT = ("true", "1", "yes", "y", "present", "tp", "")
_ABSENT = ("false", "0", "no", "n", "absent", "fp")
_UNKNOWN = ("", "-1", "-1.0", "-1.000000")  # as Audacity writes an unset frequency


def table_rows(
    tables: pd.DataFrame, species: Mapping[str, int], num_species: int, f_max: float = 24_000.0
) -> pd.DataFrame:
    """Rows of tables with checked values, in the columns of `read_rfcx`.

    Args:
        tables: as `read_tables` returns them.
        species: number by name.
        num_species: species are numbered from 0 to `num_species - 1`.
        f_max: Hz, the upper edge of rows without one; their lower edge is 0.

    Raises:
        AnnotationError: a row breaks a rule; all of them are named.
    """
    text = tables.copy()
    faults: list[str] = []
    names = text["species"]
    ids = names.map(dict(species))
    for row in text[ids.isna()].itertuples():
        known = "it is empty" if not row.species else f"known are {few(list(species))}"
        faults.append(
            f"{row.path} line {row.line}: species {row.species!r} has no number: {known}; mend the "
            "row, or add the name to species.csv"
        )
    present = text["present"].str.lower()
    for row in text[~present.isin([*_PRESENT, *_ABSENT])].itertuples():
        faults.append(
            f"{row.path} line {row.line}: present = {row.present!r}; expected 1, true, yes, "
            "present or 0, false, no, absent"
        )
    text["species_id"] = ids.fillna(0).astype(int).astype(str)
    for column, default in (("songtype_id", "1"), ("f_min", "0"), ("f_max", str(f_max))):
        text[column] = text[column].where(~text[column].isin(_UNKNOWN), default)
    rows = as_numbers(text[list(RFCX_COLUMNS)], RFCX_COLUMNS[1:])
    for path, part in text.groupby("path", sort=False):
        lines = part["line"].to_numpy()
        own = (rows.loc[part.index].reset_index(drop=True), part.reset_index(drop=True))
        faults += row_faults(Path(str(path)), lines, *own, num_species)
    if faults:
        raise AnnotationError(listing(faults))
    rows = rows.astype({"species_id": "int64", "songtype_id": "int64"})
    source = [Path(path).name for path in text["path"]]
    return rows.assign(
        present=present.isin(_PRESENT), weight=1.0, source=source, line=text["line"].to_numpy()
    )
