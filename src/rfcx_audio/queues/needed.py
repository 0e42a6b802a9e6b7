"""How many more verdicts make an interval as narrow as wanted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from rfcx_audio.queues.estimates import combined, counts_of
from rfcx_audio.queues.intervals import Counts, share_of
from rfcx_audio.queues.precision import comparable
from rfcx_audio.queues.sample import Sample

NEEDED_COLUMNS = (
    "species",
    "of",
    "threshold",
    "judged",
    "width",
    "wanted_width",
    "needed",
    "reason",
)
_STEPS = 400


def needed_verdicts(
    sample: Sample, thresholds: pd.DataFrame, width: float, level: float = 0.95
) -> pd.DataFrame:
    """How many more clips of each species to judge until an interval is as narrow as wanted.

    That is, of queues as those that were judged, if the shares stay what they are: the intervals of
    as many times the counts.

    Args:
        sample: of the queues.
        thresholds: `species` and `threshold`; where one is there, the precision above it counts.
        width: wanted, from the lower to the upper end.
        level: coverage of the intervals.

    Returns:
        The columns of `NEEDED_COLUMNS`, two rows for each species: `of` density and of precision;
        `judged` so far, `width` now, `needed` verdicts, 0 where it is narrow enough, NaN where
        there is no estimate yet, for the `reason` given.
    """
    limits = thresholds.set_index("species")["threshold"].to_dict()
    strata = comparable(sample)
    rows: list[dict[str, Any]] = []
    for species, own in strata.groupby("species", sort=False):
        several = [one for _, one in own.groupby("queue")]
        limit = float(limits.get(species, np.nan))
        parts = {"density": [counts_of(sample, one) for one in several]}
        if np.isfinite(limit):
            above = [counts_of(sample, one, [limit]) for one in several]
            parts["precision"] = [
                Counts(*(np.asarray(v)[..., 0, :] if np.ndim(v) > 1 else v for v in one[:4]))
                for one in above
            ]
        for of in ("density", "precision"):
            line: dict[str, Any] = {
                "species": species,
                "of": of,
                "wanted_width": width,
                "reason": "",
            }
            line |= {"threshold": limit if of == "precision" else np.nan}
            if of in parts:
                rows.append(line | _needed(combined(parts[of]), width, level))
            else:
                reason = "there is no threshold for the wanted precision"
                rows.append(line | {"judged": 0, "reason": reason})
    return pd.DataFrame(rows, columns=pd.Index(NEEDED_COLUMNS))


def _needed(counts: Counts, width: float, level: float) -> dict[str, Any]:
    """Of one share."""
    population, judged, inside, found, factor = (np.asarray(part, float) for part in counts)
    factor = np.broadcast_to(factor, population.shape)
    now = share_of(counts, level)
    line: dict[str, Any] = {"judged": int(judged.sum()), "width": float(now.high - now.low)}
    if np.isnan(now.share):
        return line | {"needed": np.nan, "reason": "a stratum has no verdict yet"}
    if line["width"] <= width:
        return line | {"needed": 0.0}
    most = float((population / np.maximum(judged, 1)).max())
    times = np.geomspace(1, max(most, 1.001), _STEPS)[:, None]
    grown = np.minimum(np.maximum(judged * times, judged), np.maximum(population, judged))
    scale = grown / np.maximum(judged, 1)
    wide = (np.broadcast_to(part, grown.shape) for part in (population, factor))
    members, factors = wide
    many = share_of(Counts(members, grown, inside * scale, found * scale, factors), level)
    enough = np.flatnonzero(many.high - many.low <= width)
    if not len(enough):
        return line | {"needed": float((population - judged).sum()), "reason": "all that there are"}
    return line | {"needed": float(np.ceil((grown[enough[0]] - judged).sum()))}
