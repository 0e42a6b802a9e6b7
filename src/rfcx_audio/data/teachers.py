"""Which recordings' labels the teachers of pseudo-labels saw."""

from __future__ import annotations

import hashlib
from collections.abc import Collection

import pandas as pd


def fold_table_id(folds: pd.DataFrame) -> str:
    """A name for a table of folds, the same for the same recordings in the same folds.

    Args:
        folds: `recording_id` and `fold`.
    """
    text = folds[["recording_id", "fold"]].sort_values("recording_id").to_csv(index=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def seen_folds(pseudo: pd.DataFrame, folds: pd.DataFrame) -> set[int]:
    """The folds whose labels the teachers of pseudo rows learned from.

    Args:
        pseudo: rows with the columns `seen_folds` (numbers with spaces between them) and
            `fold_table`; both are empty where nothing is recorded.
        folds: `recording_id` and `fold`.

    Returns:
        Numbers of folds; all, where a row does not state them or is of another table of folds.
    """
    own, seen = fold_table_id(folds), set()
    for stated in pseudo[["seen_folds", "fold_table"]].drop_duplicates().to_dict("records"):
        if stated["fold_table"] != own or not stated["seen_folds"]:
            return set(folds["fold"])
        seen |= {int(number) for number in stated["seen_folds"].split()}
    return seen


def seen_by_teacher(
    held_out: Collection[int], pseudo: pd.DataFrame | None, folds: pd.DataFrame
) -> str:
    """What the pseudo rows of a teacher state as `seen_folds`.

    Args:
        held_out: the folds that the teacher did not train on.
        pseudo: all pseudo rows of the round before; the teacher learned from those of the other
            folds, and so from what their teachers saw.
        folds: `recording_id` and `fold`.
    """
    seen = set(folds["fold"]) - set(held_out)
    if pseudo is not None:
        elsewhere = folds.loc[~folds["fold"].isin(list(held_out)), "recording_id"]
        seen |= seen_folds(pseudo[pseudo["recording_id"].isin(elsewhere)], folds)
    return " ".join(map(str, sorted(seen)))
