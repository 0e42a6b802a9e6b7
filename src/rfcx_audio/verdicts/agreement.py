"""Where reviewers agree on a clip, and how much more often than by chance."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd

from rfcx_audio.verdicts.verdict import ABSENT, OTHER, PRESENT

_JUDGED = (PRESENT, ABSENT, OTHER)


def settled(answers: pd.DataFrame) -> pd.DataFrame:
    """One answer for each clip, where those who judged it agree; the last one's row.

    Unsure and skipped answers leave a clip to the others. Where the species is present for one and
    absent for another, the clip stays unknown. Where it is absent for all, but they name different
    species in its place, or only some name one, no other species is claimed.

    Args:
        answers: as `VerdictStore.answers` returns them.
    """
    judged = answers[answers["answer"].isin(_JUDGED)]
    if judged.empty:
        return judged
    by_clip = judged.groupby("clip")
    is_present = judged["answer"] == PRESENT
    agreed = is_present.groupby(judged["clip"]).transform("nunique") == 1
    same = judged.assign(named=judged["other_species"].fillna("")).groupby("clip")["named"]
    unclear = (same.transform("nunique") > 1) & (judged["answer"] != PRESENT)
    plain = judged.assign(
        answer=judged["answer"].where(~unclear, ABSENT),
        other_species=judged["other_species"].where(~unclear, None),
    )
    last = by_clip["verdict"].transform("max") == judged["verdict"]
    return plain[agreed & last]


def disputed(answers: pd.DataFrame) -> list[int]:
    """The clips on which reviewers disagree whether the species is present; sorted."""
    judged = answers[answers["answer"].isin(_JUDGED)]
    votes = (judged["answer"] == PRESENT).groupby(judged["clip"]).nunique()
    return sorted(votes.index[votes > 1])


def agreement(answers: pd.DataFrame) -> pd.DataFrame:
    """How far each two reviewers agree on the clips that both judged.

    Args:
        answers: as `VerdictStore.answers` returns them.

    Returns:
        `reviewer`, `other_reviewer`, `species` (empty: all), `clips` (judged by both), `agree`
        (share) and `kappa` (Cohen 1960; NaN where both gave one answer only).
    """
    judged = answers[answers["answer"].isin(_JUDGED)]
    present = judged.assign(present=(judged["answer"] == PRESENT).astype(float))
    table = present.pivot_table("present", ["clip", "species"], "reviewer")
    rows = []
    for first, second in combinations(sorted(table.columns), 2):
        both = table[[first, second]].dropna()
        parts = [("", both), *both.groupby(level="species")] if len(both) else []
        for name, part in parts:
            a, b = part[first].to_numpy(), part[second].to_numpy()
            rows.append((first, second, name, len(part), (a == b).mean(), cohens_kappa(a, b)))
    columns = ["reviewer", "other_reviewer", "species", "clips", "agree", "kappa"]
    return pd.DataFrame(rows, columns=pd.Index(columns))


def cohens_kappa(first: np.ndarray, second: np.ndarray) -> float:
    """Cohen's kappa of two reviewers: agreement beyond chance, as a share of what is possible.

    Jacob Cohen: A coefficient of agreement for nominal scales. Educational and Psychological
    Measurement 20 (1960), 37-46.

    Args:
        first: (clips,), answers of one.
        second: (clips,), answers of the other.

    Returns:
        1 for full agreement, 0 for that of chance; NaN where chance alone agrees fully.
    """
    kinds = np.union1d(first, second)
    chance = sum((first == kind).mean() * (second == kind).mean() for kind in kinds)
    if chance >= 1.0:
        return float("nan")
    return float(((first == second).mean() - chance) / (1.0 - chance))
