"""The verdicts of a review as a table of labels: confirmed and rejected rows."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from rfcx_audio.data.rows import AnnotationError
from rfcx_audio.data.table_columns import ALIASES
from rfcx_audio.verdicts import (
    ABSENT,
    BOX,
    OTHER,
    PRESENT,
    VerdictError,
    VerdictStore,
    disputed,
    settled,
)


def labels_of_verdicts(answers: pd.DataFrame) -> pd.DataFrame:
    """Rows of labels, of the clips that are settled.

    A present species has a row of the reviewer's box, or of the clip's; an absent one, of the clip.
    Where another species was named, the clip has a row of each. Unsure and disputed clips have
    none: they stay unknown.

    Args:
        answers: as `VerdictStore.answers` returns them.

    Returns:
        `recording_id`, `species`, the box (s, Hz; NaN: unknown frequencies), `present` (bool),
        `verdict`, `reviewer`, `answered` (UTC), `score`, `queue` and `note`.
    """
    found = settled(answers)
    of_clip = found.assign(**{name: found[f"clip_{name}"] for name in BOX})
    own = found.assign(**{name: found[name].fillna(of_clip[name]) for name in BOX})
    named = own[own["answer"] == OTHER]
    parts = [
        own[own["answer"] == PRESENT].assign(present=True),
        of_clip[of_clip["answer"].isin([ABSENT, OTHER])].assign(present=False),
        named.assign(species=named["other_species"], present=True, score=float("nan")),
    ]
    rows = pd.concat(parts).sort_values(["verdict", "present"], ignore_index=True)
    columns = ["recording_id", "species", *BOX, "present", "verdict", "reviewer", "answered"]
    return rows[[*columns, "score", "queue", "note"]]


def verdict_table(path: Path) -> tuple[pd.DataFrame, list[str]]:
    """The rows of a store as text, as `read_tables` has those of other tables, and notes.

    Raises:
        AnnotationError: the file is no store of verdicts.
    """
    try:
        answers = VerdictStore.open(path).answers()
    except VerdictError as error:
        raise AnnotationError(str(error)) from None
    rows = labels_of_verdicts(answers)
    text = pd.DataFrame("", index=rows.index, columns=pd.Index(list(ALIASES)))
    for name in BOX:
        text[name] = [repr(value) if pd.notna(value) else "" for value in rows[name].to_list()]
    text["present"] = rows["present"].map({True: "1", False: "0"})
    text["species"], text["named"] = rows["species"], rows["recording_id"]
    text["recording_id"] = [name.rpartition("/")[2] for name in rows["recording_id"]]
    text["line"] = rows["verdict"]
    apart = disputed(answers)
    if not apart:
        return text, []
    note = f"{path.name}: reviewers disagree on {len(apart)} clips, which stay unknown"
    return text, [note]
