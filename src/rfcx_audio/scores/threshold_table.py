"""`thresholds.csv`, as it is read again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

_ROUNDING = 1e-6  # of scores kept as float32: the score that made a threshold reaches it


class Thresholds(NamedTuple):
    """The score from which each species is called present.

    Attributes:
        score: (species,); NaN where none is known.
        missing: the species without one.
    """

    score: np.ndarray
    missing: tuple[str, ...]

    @classmethod
    def read(cls, path: str, species: Sequence[str], calibrated: bool) -> Thresholds:
        """Reads a table that `rfcx-audio calibrate` wrote.

        Args:
            path: of the table, with the columns `species`, `threshold` and `calibrated`.
            species: names, in the order of the scores; the table may hold others as well.
            calibrated: whether the scores are, and the thresholds of calibrated scores count.

        Raises:
            ValueError: there is no such table, or it has none of the species.
        """
        column = "calibrated" if calibrated else "threshold"
        try:
            table = pd.read_csv(path, dtype={"species": str}, keep_default_na=False, na_values=[""])
        except (FileNotFoundError, IsADirectoryError):
            raise ValueError(
                f"thresholds={path} does not exist; expected thresholds.csv of calibrate"
            ) from None
        absent = [name for name in ("species", column) if name not in table]
        if absent:
            raise ValueError(
                f"{path} lacks the column(s) {', '.join(absent)}; expected thresholds.csv of "
                "rfcx-audio calibrate"
            )
        if not set(table["species"]) & set(species):
            raise ValueError(
                f"{path} has thresholds for {', '.join(table['species'][:3])}, …, the scores are "
                f"of {', '.join(species[:3])}, …; give the table of the model that made the scores"
            )
        values = table.drop_duplicates("species").set_index("species")[column].astype(float)
        score = np.maximum(values.reindex(list(species)).to_numpy() - _ROUNDING, 0.0)
        missing = tuple(name for name, one in zip(species, score, strict=True) if np.isnan(one))
        return cls(score, missing)
