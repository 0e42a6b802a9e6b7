"""Annotation rows from the text of a user's own tables, with their values checked."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from rfcx_audio.data.rows import (
    RFCX_COLUMNS,
    AnnotationError,
    as_numbers,
    few,
    listing,
    row_faults,
)
from rfcx_audio.data.tables import PLACE_COLUMNS

_PRESENT = ("true", "1", "yes", "y", "present", "tp", "")
_ABSENT = ("false", "0", "no", "n", "absent", "fp")
_log = logging.getLogger(__name__)
POINT_S = 0.1
"""Seconds that a row of no length, such as Audacity's label of a point, is taken for."""

_UNKNOWN = ("", "-1", "-1.0", "-1.000000")  # as Audacity writes an unset frequency


def table_rows(
    text: pd.DataFrame, species: Mapping[str, int], num_species: int, f_max: float = 24_000.0
) -> pd.DataFrame:
    """Rows of tables with checked values, in the columns of `read_rfcx` and `PLACE_COLUMNS`.

    A row that ends where it begins labels a moment: it becomes `POINT_S` long, around it.

    Args:
        text: the rows that `read_tables` returns.
        species: number by name.
        num_species: species are numbered from 0 to `num_species - 1`.
        f_max: Hz, the upper edge of rows without one; their lower edge is 0.

    Raises:
        AnnotationError: a row breaks a rule; all of them are named.
    """
    text = text.copy()
    faults: list[str] = []
    names = text["species"]
    for row in text[~names.isin(list(species))].itertuples():
        mend = (
            f"known are {few(list(species))}; mend the row, or add the name to species.csv"
            if row.species
            else "it is empty; name it, or ignore rows without a name: data.source.ignore=[…,'']"
        )
        faults.append(f"{row.path} line {row.line}: species {row.species!r} has no number: {mend}")
    present = text["present"].str.lower()
    for row in text[~present.isin([*_PRESENT, *_ABSENT])].itertuples():
        faults.append(
            f"{row.path} line {row.line}: present = {row.present!r}; expected 1, true, yes, "
            "present or 0, false, no, absent"
        )
    text["species_id"] = [str(species.get(name, 0)) for name in names]
    whole_band = text["f_min"].isin(_UNKNOWN) & text["f_max"].isin(_UNKNOWN)
    for column, default in (("songtype_id", "1"), ("f_min", "0"), ("f_max", str(f_max))):
        text[column] = text[column].where(~text[column].isin(_UNKNOWN), default)
    rows = _moments(as_numbers(text[list(RFCX_COLUMNS)], RFCX_COLUMNS[1:]))
    for path, part in text.groupby("path", sort=False):
        lines = part["line"].to_numpy()
        own = (rows.loc[part.index].reset_index(drop=True), part.reset_index(drop=True))
        faults += row_faults(Path(str(path)), lines, *own, num_species)
    if faults:
        raise AnnotationError(listing(faults))
    rows = rows.astype({"species_id": "int64", "songtype_id": "int64"})
    source = [Path(path).name for path in text["path"]]
    return rows.assign(
        present=present.isin(_PRESENT),
        weight=1.0,
        source=source,
        line=text["line"].astype("int64"),
        whole_band=whole_band,
        **{name: text[name] for name in PLACE_COLUMNS},
    )


def _moments(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of no length, `POINT_S` long."""
    moment = np.isfinite(rows["t_min"]) & (rows["t_min"] == rows["t_max"]) & (rows["t_min"] >= 0)
    if moment.any():
        _log.info("%d rows without a length are taken for %g s around them", moment.sum(), POINT_S)
    begin = (rows["t_min"] - POINT_S / 2).clip(lower=0.0)
    return rows.assign(
        t_min=rows["t_min"].where(~moment, begin),
        t_max=rows["t_max"].where(~moment, begin + POINT_S),
    )
