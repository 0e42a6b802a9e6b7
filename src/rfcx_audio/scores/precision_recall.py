"""Precision and recall of detections at a threshold, and which species are taken for which."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from rfcx_audio.batch import Labels
from rfcx_audio.scores.known import as_arrays
from rfcx_audio.scores.scores import Scores

LEVEL = 0.95
"""Coverage of the limits."""


def precision_recall(scores: Scores, labels: Labels, thresholds: np.ndarray) -> pd.DataFrame:
    """Precision and recall of each species over its known cells, with 95 % limits.

    Args:
        scores: of windows or recordings.
        labels: (rows, species) each; a cell is known where `known` is above 0.
        thresholds: (species,); a score of at least this is a detection, NaN makes none.

    Returns:
        A row per species: `species`, `threshold`; the counts `found` (present and detected),
        `wrong` (absent and detected), `missed` (present, not detected) and `unknown` (detected,
        neither known present nor known absent); `precision`, found / (found + wrong), and `recall`,
        found / (found + missed), each with the ends `…_low`, `…_high` of its Wilson interval; NaN
        without cells, and a precision where no absence is known, so that none could be wrong. The
        intervals take the rows as independent: windows of one recording are not, and overlapping
        ones even less, so that they are rather too narrow.
    """
    values, present, weight = as_arrays(scores.tensor, labels)
    known, detected = weight > 0, values >= thresholds.astype(np.float32)
    counts = {
        "found": (known & present & detected).sum(0),
        "wrong": (known & ~present & detected).sum(0),
        "missed": (known & present & ~detected).sum(0),
        "unknown": (~known & detected).sum(0),
    }
    table = pd.DataFrame({"species": scores.species, "threshold": thresholds, **counts})
    could_be_wrong = (known & ~present).any(0)
    called = np.where(could_be_wrong, counts["found"] + counts["wrong"], 0)
    for name, trials in (("precision", called), ("recall", counts["found"] + counts["missed"])):
        pairs = zip(counts["found"], trials, strict=True)
        table = table.join(pd.DataFrame([_share(int(k), int(n), name) for k, n in pairs]))
    return table


def taken_for(scores: Scores, labels: Labels, thresholds: np.ndarray) -> pd.DataFrame:
    """Which species are taken for which: what is detected where it is absent, by what is there.

    Args:
        scores: of windows or recordings.
        labels: (rows, species) each.
        thresholds: (species,), see `precision_recall`.

    Returns:
        A row for each pair with a confusion, the most frequent first: `species`, which is present;
        `taken_for`, which is detected there though known to be absent; `times`, in how many rows;
        `of`, in how many rows the first is present and the second known to be absent; `share`,
        `times` / `of`; `unknown`, in how many more rows the second is detected and unknown, so that
        it may be there.
    """
    values, present, weight = as_arrays(scores.tensor, labels)
    known, detected = weight > 0, values >= thresholds.astype(np.float32)
    there, absent = (known & present).T.astype(int), known & ~present
    times, of, unknown = (there @ part for part in (absent & detected, absent, ~known & detected))
    one, other = np.nonzero(times)
    names = np.array(scores.species)
    table = pd.DataFrame(
        {
            "species": names[one],
            "taken_for": names[other],
            "times": times[one, other],
            "of": of[one, other],
            "share": times[one, other] / of[one, other],
            "unknown": unknown[one, other],
        }
    )
    order = ["times", "share", "species", "taken_for"]
    return table.sort_values(order, ascending=[False, False, True, True], ignore_index=True)


def _share(successes: int, trials: int, name: str) -> dict[str, Any]:
    """A share with the ends of its interval."""
    names = (name, f"{name}_low", f"{name}_high")
    if not trials:
        return dict.fromkeys(names, np.nan)
    limits = binomtest(successes, trials).proportion_ci(LEVEL, "wilson")
    return dict(zip(names, (successes / trials, limits.low, limits.high), strict=True))
