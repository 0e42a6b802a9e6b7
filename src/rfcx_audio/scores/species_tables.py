"""Tables with a row for each species, as commands and users write them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from rfcx_audio.data import few


def read_species_table(path: str | Path) -> pd.DataFrame:
    """A CSV file whose column `species` is text, so that `NA` and `007` are names."""
    return pd.read_csv(path, dtype={"species": str}, keep_default_na=False, na_values=[""])


def read_by_species(path: str | Path, species: Sequence[str]) -> pd.DataFrame:
    """The rows of a CSV file in the order of species, by `species` (name) or `species_id`.

    Args:
        path: of a table with one of the two columns; names go before numbers.
        species: names.

    Raises:
        ValueError: it has neither column; a species has no row, or several; rows of other numbers.
    """
    table = read_species_table(path)
    named = "species" in table
    if not named and "species_id" not in table:
        raise ValueError(
            f"{path} has the columns {list(table)}; expected species or species_id among them"
        )
    wanted = list(species) if named else list(range(len(species)))
    found = table["species" if named else "species_id"].tolist()
    wrong = [name for name in wanted if found.count(name) != 1]
    if wrong or (not named and len(found) != len(wanted)):
        raise ValueError(
            f"{path}: expected one row for each of the {len(wanted)} species, it has {len(found)}"
            + (f"; not once there: {few([str(name) for name in wrong])}" if wrong else "")
        )
    return table.iloc[[found.index(name) for name in wanted]]
