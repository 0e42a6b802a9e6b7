"""Folds: grouped by recording over TP and FP together, stratified over species."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from rfcx_audio.data.few_rows import few_rows
from rfcx_audio.data.rows import AnnotationError
from rfcx_audio.whole_files import write_atomically


def assign_folds(rows: pd.DataFrame, num_folds: int, seed: int) -> pd.DataFrame:
    """One fold for each recording, so that no recording is on both sides of a split.

    Args:
        rows: `recording_id`, `species_id`, `present`; TP and FP together.
        num_folds: at least 2, at most the number of recordings.
        seed: of the shuffle.

    Returns:
        `recording_id` (sorted) and `fold`, from 0. Each (species, present) is spread as evenly as
        iterative stratification can.

    Raises:
        ValueError: fewer recordings than folds.

    Source: Sechidis et al. (2011), "On the stratification of multi-label data".
    """
    # It imports scikit-learn, which takes a second that only new folds need.
    from iterstrat.ml_stratifiers import MultilabelStratifiedKFold  # noqa: PLC0415

    labelled = pd.crosstab(rows["recording_id"], [rows["species_id"], rows["present"]]) > 0
    if not 2 <= num_folds <= len(labelled):
        raise ValueError(f"expected 2 to {len(labelled)} folds (the recordings), got {num_folds}")
    columns = labelled.to_numpy()
    if columns.shape[1] == 1:  # which the splitter does not take for labels
        columns = np.hstack([columns, ~columns])
    splitter = MultilabelStratifiedKFold(num_folds, shuffle=True, random_state=seed)
    fold = np.empty(len(labelled), dtype=int)
    for number, (_, held_out) in enumerate(splitter.split(np.zeros(len(labelled)), columns)):
        fold[held_out] = number
    return pd.DataFrame({"recording_id": labelled.index, "fold": fold})


def possible_folds(num_folds: int, recordings: int) -> int:
    """As many folds as wanted, or as there are recordings; none of a single recording."""
    return min(num_folds, recordings) if recordings > 1 else 0


class Folds:
    """The fold file that every stage of a project shares.

    Args:
        file: CSV of `recording_id,fold`; written on first use, read ever after. None: no file; the
            same rows have the same folds.
        num_folds: at least 2; where there are fewer recordings, there is a fold for each of them.
            One recording alone is in no fold (-1): it is trained on, and nothing is held out.
        held_out: the fold for validation; the others are for training.
        unused: a fold that is neither trained nor validated on: that which judges a later model,
            see `relabel`. None: there is no such fold.
        seed: of the assignment.
        rows_per_species: how many TP rows of each species, and as many FP rows, are trained on, see
            `few_rows`; those to validate on stay whole. None: all.
        draw_seed: of the rows that are drawn.

    Raises:
        ValueError: there are no two folds, the held-out one is none of them, or `rows_per_species`
            is not above 0.
    """

    def __init__(
        self,
        file: str | None = None,
        num_folds: int = 5,
        held_out: int = 0,
        seed: int = 0,
        rows_per_species: int | None = None,
        draw_seed: int = 0,
        unused: int | None = None,
    ) -> None:
        if num_folds < 2:
            raise ValueError(
                f"num_folds = {num_folds}; at least 2 are needed, one of them held out"
            )
        if not 0 <= held_out < num_folds:
            raise ValueError(f"held_out = {held_out} lies outside 0 to {num_folds - 1}")
        if unused is not None and (unused == held_out or not 0 <= unused < num_folds):
            raise ValueError(
                f"data.folds.unused = {unused}; expected one of the folds 0 to {num_folds - 1} "
                f"other than {held_out}, which is held out, or null"
            )
        if rows_per_species is not None and rows_per_species < 1:
            raise ValueError(
                f"data.rows_per_species = {rows_per_species}; expected at least 1, or null for all"
            )
        self.file = None if file is None else Path(file)
        self.num_folds = num_folds
        self.held_out = held_out
        self.unused = unused
        self.seed = seed
        self.rows_per_species = rows_per_species
        self.draw_seed = draw_seed
        self._assigned: tuple[list[str], pd.DataFrame] = ([], pd.DataFrame())

    def table(self, rows: pd.DataFrame) -> pd.DataFrame:
        """`recording_id`, `fold` of every recording of the rows, from the file or newly assigned.

        Raises:
            AnnotationError: the file has another number of folds, or no fold for a recording.
        """
        if self.file is None or not self.file.exists():
            names = sorted(rows["recording_id"].unique())
            if not names or not set(names) <= set(self._assigned[0]):
                number = possible_folds(self.num_folds, len(names))
                alone = pd.DataFrame({"recording_id": names, "fold": -1})
                folds = assign_folds(rows, number, self.seed) if number else alone
                self._assigned = names, folds
            folds = self._assigned[1]
            if self.file is not None:
                write_atomically(self.file, lambda part: folds.to_csv(part, index=False))
            return folds
        folds = pd.read_csv(self.file, dtype={"recording_id": str}, keep_default_na=False)
        found = folds["fold"].max() + 1
        if found != possible_folds(self.num_folds, len(folds)):
            raise AnnotationError(
                f"{self.file} holds {found} folds, {self.num_folds} are configured; set "
                "data.folds.num_folds to match, or data.folds.file to a new file"
            )
        missing = sorted(set(rows["recording_id"]) - set(folds["recording_id"]))
        if missing:
            raise AnnotationError(
                f"{self.file} lacks {len(missing)} recording(s), the first {missing[0]!r}; it was "
                "made from other tables: set data.folds.file to a new file"
            )
        return folds

    def count(self, rows: pd.DataFrame) -> int:
        """The number of folds of a table; 0 where there is only one recording."""
        return int(self.table(rows)["fold"].max()) + 1

    def split(self, rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The rows for training, of which a few may be drawn, and those for validation."""
        folds = self.table(rows).set_index("recording_id")["fold"]
        fold = rows["recording_id"].map(folds)
        away = fold.isin([self.held_out, self.unused])
        train = rows[~away].reset_index(drop=True)
        val = rows[fold == self.held_out].reset_index(drop=True)
        if self.rows_per_species is not None:
            train = few_rows(train, self.rows_per_species, self.draw_seed)
        return train, val
