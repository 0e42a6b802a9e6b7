"""Complete truth: a table of every call of the recordings that it is about."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from rfcx_audio.data.rows import (
    RFCX_COLUMNS,
    AnnotationError,
    as_numbers,
    listing,
    one_form,
    read_text,
    row_faults,
)

_NUMBERS = RFCX_COLUMNS[1:]
_NEEDED = ("recording_id", "species_id")


def read_truth(path: Path, num_species: int) -> pd.DataFrame:
    """Every call of recordings, in the columns of `read_rfcx`.

    Args:
        path: a CSV with `recording_id` and `species_id`; further columns of `RFCX_COLUMNS` are NaN
            where the file lacks them, `songtype_id` 1. Others, such as `split`, stay text.
        num_species: species are numbered from 0 to `num_species - 1`.

    Raises:
        AnnotationError: the file is missing or no table, lacks a column, or a row breaks a rule.
    """
    text = read_text(path)
    missing = [column for column in _NEEDED if column not in text]
    if missing:
        raise AnnotationError(
            f"{path} lacks the column(s) {', '.join(missing)}; it has "
            f"{', '.join(text.columns.drop('line'))}"
        )
    lines = text.pop("line").to_numpy()
    given = [column for column in _NUMBERS if column in text]
    text["recording_id"] = one_form(text["recording_id"])
    rows = as_numbers(text, given)
    rows = rows.assign(**{column: np.nan for column in _NUMBERS if column not in text})
    faults = row_faults(path, lines, rows, text, num_species, given)
    if faults:
        raise AnnotationError(listing(faults))
    rows["songtype_id"] = rows["songtype_id"].fillna(1)
    rows = rows.astype({"species_id": "int64", "songtype_id": "int64"})
    own = {"present": True, "weight": 1.0, "source": path.name}
    return rows.assign(**own, line=lines, whole_band=rows[["f_min", "f_max"]].isna().all(axis=1))
