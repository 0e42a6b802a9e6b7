"""Precision and recall of a species from a score on, and the threshold for a wanted precision."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from rfcx_audio.queues.estimates import combined, counts_of
from rfcx_audio.queues.intervals import Counts, Share, share_of
from rfcx_audio.queues.recall import recall_of
from rfcx_audio.queues.sample import Sample
from rfcx_audio.verdicts import ABSENT, PRESENT

_RATES = ("precision", "precision_low", "precision_high", "recall", "recall_low", "recall_high")
PRECISION_COLUMNS = ("species", "threshold", "judged", "present", *_RATES)
_MOST = 100  # thresholds of a species


def comparable(sample: Sample) -> pd.DataFrame:
    """The strata of the queues by chance whose scores mean the same.

    For each species, those of the last queue by chance of which something is judged, and of all
    others from the same population and the same scores.
    """
    queues = sample.queues[sample.queues["by_chance"]].set_index("queue")
    strata = sample.strata[sample.strata["queue"].isin(queues.index)]
    same = queues["frame"] + " " + queues["source"]
    judged = sample.clips[sample.clips["status"].isin([PRESENT, ABSENT])]
    pairs = pd.MultiIndex.from_frame(judged[["queue", "species"]])
    begun = pd.MultiIndex.from_frame(strata[["queue", "species"]]).isin(pairs)
    # Where nothing is judged, the last one: its numbers count as if they were negative.
    last = strata["queue"].where(begun, strata["queue"] - 10**9)
    last = last.groupby(strata["species"]).transform("max") % 10**9
    return strata[strata["queue"].map(same) == last.map(same)]


def precision_at(
    sample: Sample, species: str, thresholds: np.ndarray, level: float = 0.95
) -> tuple[Share, Share, Counts]:
    """Precision and recall of a species at thresholds.

    Precision is the share of the windows with a call among those that score at least so much, in
    the whole population; recall the share of those windows among the ones with a call. Of
    detections there is no recall: the calls without one are unknown.

    Args:
        sample: of the queues.
        species: its name.
        thresholds: (thresholds,) scores.
        level: coverage of the intervals.

    Returns:
        Precision and recall, (thresholds,) each, and the counts above the thresholds.
    """
    strata = comparable(sample)
    several = [one for _, one in strata[strata["species"] == species].groupby("queue")]
    kinds = dict(zip(sample.queues["queue"], sample.queues["kind"], strict=True))
    kind = kinds[several[0]["queue"].iloc[0]]
    above = [counts_of(sample, one, thresholds) for one in several]
    joined = combined(above)
    precision = share_of(joined, level)
    whole = combined([counts_of(sample, one) for one in several])
    inside, found = (np.concatenate([one[n] for one in above], -1) for n in (2, 3))
    divided = whole._replace(inside=inside, found=found)
    recall = recall_of(divided, whole.found - found, level)
    if kind != "windows":
        recall = Share(*(np.full(len(thresholds), np.nan) for _ in recall))
    return precision, recall, joined


def precision_table(sample: Sample, level: float = 0.95) -> pd.DataFrame:
    """Precision and recall of every species, at the scores of its judged clips.

    Args:
        sample: of the queues.
        level: coverage of the intervals.

    Returns:
        The columns of `PRECISION_COLUMNS`, the lowest threshold first; `judged` and `present` count
        the clips that score at least so much.
    """
    strata = comparable(sample)
    tables = []
    for species in dict.fromkeys(strata["species"]):
        limits = candidates(sample, str(species))
        if not len(limits):
            continue
        precision, recall, counts = precision_at(sample, str(species), limits, level)
        numbers = (counts.inside.sum(-1).astype(int), counts.found.sum(-1).astype(int))
        columns = (np.full(len(limits), species), limits, *numbers, *precision, *recall)
        tables.append(pd.DataFrame(dict(zip(PRECISION_COLUMNS, columns, strict=True))))
    if not tables:
        return pd.DataFrame(columns=pd.Index(PRECISION_COLUMNS))
    return pd.concat(tables, ignore_index=True)


def candidates(sample: Sample, species: str) -> np.ndarray:
    """The thresholds of a species: the scores of its judged clips, at most so many, ascending."""
    queues = comparable(sample)
    queues = queues.loc[queues["species"] == species, "queue"]
    clips = sample.clips
    mine = clips["queue"].isin(queues) & (clips["species"] == species)
    scores = clips.loc[mine & clips["status"].isin([PRESENT, ABSENT]), "score"].dropna()
    found = np.unique(scores.to_numpy())
    return (
        found[np.unique(np.linspace(0, len(found) - 1, _MOST).round().astype(int))]
        if len(found)
        else found
    )


def threshold_table(
    table: pd.DataFrame, wanted: float, strata: pd.DataFrame, calibrated: bool = False
) -> pd.DataFrame:
    """The threshold of each species for a wanted precision, as `detect thresholds=…` reads it.

    Args:
        table: see `precision_table`.
        wanted: precision, above 0 and at most 1.
        strata: see `comparable`; a row for each of its species.
        calibrated: whether the scores were calibrated, and the thresholds are.

    Returns:
        A row per species: `species`, `present`, `absent` (judged clips), `threshold` (`calibrated`
        for such scores): the lowest whose estimated precision reaches the wanted one, and with it
        precision and recall with their intervals; `sure_threshold`, the lowest at which the lower
        end of the interval reaches it too; and `reason`, why there is none (NaN).
    """
    column = "calibrated" if calibrated else "threshold"
    rows: list[dict[str, Any]] = []
    for species in dict.fromkeys(strata["species"]):
        own = table[table["species"] == species]
        line: dict[str, Any] = {"species": species, "present": 0, "absent": 0}
        line |= dict.fromkeys((column, *_RATES, "sure_threshold"), np.nan)
        rows.append(line | {"reason": ""})
        if own.empty:
            rows[-1]["reason"] = "no clip of it is judged yet"
            continue
        whole = own.iloc[0]
        rows[-1] |= {"present": int(whole["present"])}
        rows[-1] |= {"absent": int(whole["judged"] - whole["present"])}
        reached = own[own["precision"] >= wanted - 1e-12]
        if reached.empty:
            best = own["precision"].max()
            rows[-1]["reason"] = (
                f"no threshold has this precision; the best is {best:.2f}"
                if np.isfinite(best)
                else "a stratum of it has no verdict yet"
            )
            continue
        rows[-1] |= {column: reached.iloc[0]["threshold"]}
        rows[-1] |= {name: reached.iloc[0][name] for name in _RATES}
        sure = own[own["precision_low"] >= wanted - 1e-12]
        rows[-1]["sure_threshold"] = sure.iloc[0]["threshold"] if len(sure) else np.nan
    names = ["species", "present", "absent", column, *_RATES, "sure_threshold", "reason"]
    return pd.DataFrame(rows, columns=pd.Index(names))
