"""Precision and recall of detections at a threshold, and which species are taken for which."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from rfcx_audio.batch import Labels
from rfcx_audio.data import few
from rfcx_audio.scores.known import as_arrays
from rfcx_audio.scores.scores import Scores

LEVEL = 0.95
"""Coverage of the limits."""


def read_thresholds(given: str | float, scores: Scores) -> np.ndarray:
    """The score from which each species is called present.

    Args:
        given: one number for all species, or the `thresholds.csv` of `calibrate`: its column
            `threshold` is for raw scores, `calibrated` for those that `calibrate` wrote.
        scores: that the thresholds are applied to.

    Returns:
        (species,) float64; NaN where the table has no threshold.

    Raises:
        ValueError: the number is outside [0, 1], the file is no such table, it has none of the
            scored species, or the scores are corrected to a prior, after which no threshold holds.
    """
    if not isinstance(given, str) or _is_number(given):
        given = float(given)
        if not 0 <= given <= 1:
            raise ValueError(f"thresholds={given} lies outside 0 to 1")
        return np.full(len(scores.species), given)
    if "prior_correction" in scores.metadata:
        raise ValueError(
            f"{given} is for scores before a correction to a prior; give those, or a number"
        )
    if not Path(given).is_file():
        raise ValueError(f"thresholds={given} is neither a number nor a file")
    table = pd.read_csv(given, dtype={"species": str}, keep_default_na=False, na_values=[""])
    column = "calibrated" if "calibration" in scores.metadata else "threshold"
    if not {"species", column} <= set(table):
        raise ValueError(
            f"{given} has the columns {', '.join(map(str, table))}; expected species and "
            f"{column}, as `rfcx-audio calibrate` writes them"
        )
    by_name = dict(zip(table["species"], pd.to_numeric(table[column]), strict=True))
    if not set(by_name) & set(scores.species):
        raise ValueError(
            f"{given} has none of the scored species ({few(list(scores.species))}); it has "
            f"{few(list(by_name))}"
        )
    return np.array([by_name.get(name, np.nan) for name in scores.species], dtype=float)


def _is_number(text: str) -> bool:
    """Whether the text of a command line, where it may be a path as well, is a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


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
