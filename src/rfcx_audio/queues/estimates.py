"""Call density: in which share of the windows a species calls, from queues drawn by chance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from rfcx_audio.queues.intervals import Counts, Share, share_of
from rfcx_audio.queues.sample import DISPUTED, Sample
from rfcx_audio.verdicts import ABSENT, PRESENT, SKIPPED, UNSURE

ALL = "all strata"
DENSITY_COLUMNS = (
    *("species", "queues", "designs", "kind", "stratum", "population", "drawn", "judged"),
    *("present", "unsure", "skipped", "disputed", "share", "low", "high"),
)


def density(sample: Sample, level: float = 0.95) -> pd.DataFrame:
    """In which share of the windows (or detections) each species is, with intervals.

    Queues by chance from the same population are combined, see `combined`. A queue without chance
    is a census of what was reviewed in it: it has a share and no interval, and enters no estimate.
    Clips that are unsure, skipped or disputed are counted and not judged: the estimates hold where
    these are no different from the others.

    Args:
        sample: of the queues.
        level: coverage of the intervals.

    Returns:
        The columns of `DENSITY_COLUMNS`: for each species and population a row for all strata and
        one for each stratum, or one for a queue without chance; `share` is NaN where nothing of a
        stratum was judged.
    """
    rows: list[dict[str, Any]] = []
    about = sample.queues.set_index("queue")
    chance = [q for q, by in about["by_chance"].items() if by]
    strata = sample.strata[sample.strata["queue"].isin(chance)]
    frames = strata["queue"].map(about["frame"])
    for _, own in strata.groupby(["species", frames], sort=False):
        several = [one for _, one in own.groupby("queue")]
        counts = [counts_of(sample, one) for one in several]
        # The parts of one population are counted once, however many queues there are of it.
        line = _line(sample, own, about) | {"population": int(several[0]["population"].sum())}
        rows.append(line | {"stratum": ALL} | _shown(share_of(combined(counts), level)))
        for one, part in zip(several, counts, strict=True):
            each = share_of(Counts(*(np.asarray(v)[..., None] for v in part[:4])), level)
            for place, name in enumerate(one["stratum"]):
                line = _line(sample, one.iloc[[place]], about)
                shown = {key: float(value[place]) for key, value in each._asdict().items()}
                rows.append(line | {"stratum": name} | shown)
    census = sample.clips[~sample.clips["queue"].isin(chance)]
    for _, clips in census.groupby(["queue", "species"], sort=False):
        line = _line(sample, _whole(clips), about)
        share = line["present"] / line["judged"] if line["judged"] else np.nan
        rows.append(line | {"stratum": "", "share": share, "low": np.nan, "high": np.nan})
    return pd.DataFrame(rows, columns=pd.Index(DENSITY_COLUMNS))


def counts_of(
    sample: Sample, strata: pd.DataFrame, thresholds: Sequence[float] | np.ndarray | None = None
) -> Counts:
    """What was found in the strata of a queue and species.

    Args:
        sample: of the queues.
        strata: rows of the sample's, of one queue and species.
        thresholds: scores from which clips are inside; None: all are.

    Returns:
        (strata,) counts, or (thresholds, strata).
    """
    queue, species = strata["queue"].iloc[0], strata["species"].iloc[0]
    clips = sample.clips
    clips = clips[(clips["queue"] == queue) & (clips["species"] == species)]
    place = pd.Index(strata["stratum"]).get_indexer(clips["stratum"])
    is_present = (clips["status"] == PRESENT).to_numpy()
    is_judged = is_present | (clips["status"] == ABSENT).to_numpy()
    population = strata["population"].to_numpy(float)

    def counted(which: np.ndarray) -> np.ndarray:
        return np.bincount(place[which], minlength=len(strata)).astype(float)

    judged = counted(is_judged)
    if thresholds is None:
        return Counts(population, judged, judged, counted(is_present))
    scores = clips["score"].to_numpy()
    above = [scores >= limit for limit in thresholds]
    inside, found, drawn = (
        np.array([counted(part & one) for one in above]).reshape(len(above), len(strata))
        for part in (is_judged, is_present, np.ones(len(scores), bool))
    )
    # A stratum of whose clips none reaches the threshold is none of the part above it.
    members = np.where((drawn == 0) & (judged == 0), 0, population)
    return Counts(members, np.broadcast_to(judged, inside.shape), inside, found)


def combined(several: Sequence[Counts]) -> Counts:
    """The strata of several queues by chance of one population, as those of one.

    Each queue is an estimate by itself; they are weighted by the inverse of their variances, for
    which the rates of the strata are drawn towards a half, so that a lucky queue does not outweigh
    the others. Queues with strata of which nothing is judged yet are left out if others have none.

    Args:
        several: (..., strata) each.
    """
    if len(several) == 1:
        return several[0]
    parts = [Counts(*(np.asarray(part, float) for part in one)) for one in several]
    weights = np.stack([_inverse_variance(one) for one in parts])  # (queues, ...)
    whole = np.stack([((one.judged > 0) | (one.population == 0)).all(-1) for one in parts])
    weights = np.where(whole.any(0) & ~whole, 0, weights)
    weights = weights / weights.sum(0)
    factors = [
        np.broadcast_to((weight / _size(one))[..., None], one.inside.shape)
        for weight, one in zip(weights, parts, strict=True)
    ]
    population, judged, inside, found = (
        np.concatenate([np.broadcast_to(one[n], one.inside.shape) for one in parts], -1)
        for n in range(4)
    )
    return Counts(population, judged, inside, found, np.concatenate(factors, -1))


def _size(counts: Counts) -> np.ndarray:
    """Of what the share is of, estimated; strata without a verdict count whole."""
    judged, inside = (np.asarray(part) for part in (counts.judged, counts.inside))
    rate = np.divide(inside, judged, out=np.ones_like(inside), where=judged > 0)
    return np.maximum((counts.population * rate).sum(-1), 1e-12)


def _inverse_variance(counts: Counts) -> np.ndarray:
    """Of the share of a queue."""
    population, judged, inside, found, _ = counts
    rate = np.divide(inside, judged, out=np.zeros_like(inside), where=judged > 0)
    weight = population * rate
    weight = weight / np.maximum(weight.sum(-1, keepdims=True), 1e-12)
    smooth = (found + 1) / (inside + 2)
    finite = (population - judged) / np.maximum(population - 1, 1)
    variance = weight**2 * smooth * (1 - smooth) * finite / np.maximum(inside, 1)
    return np.where(inside.sum(-1) > 0, 1 / np.maximum(variance.sum(-1), 1e-9), 1e-9)


def _line(sample: Sample, strata: pd.DataFrame, about: pd.DataFrame) -> dict[str, Any]:
    """What was counted in strata of a species."""
    queues, species = sorted(set(strata["queue"])), strata["species"].iloc[0]
    clips = sample.clips
    mine = clips[clips["queue"].isin(queues) & (clips["species"] == species)]
    status = mine.loc[mine["stratum"].isin(list(strata["stratum"])), "status"].value_counts()
    counts = {name: int(status.get(name, 0)) for name in (PRESENT, UNSURE, SKIPPED, DISPUTED)}
    return {
        "species": species,
        "queues": " ".join(map(str, queues)),
        "designs": " ".join(about.loc[queues, "design"]),
        "kind": about.loc[queues[0], "kind"],
        "population": int(strata["population"].sum()),
        "drawn": int(strata["drawn"].sum()),
        "judged": counts[PRESENT] + int(status.get(ABSENT, 0)),
        **counts,
    }


def _whole(clips: pd.DataFrame) -> pd.DataFrame:
    """The clips of a species in a queue without chance, as a stratum of which all are drawn."""
    row = clips.iloc[[0]][["queue", "species", "stratum"]]
    return row.assign(population=len(clips), drawn=len(clips))


def _shown(share: Share) -> dict[str, float]:
    return {name: float(value) for name, value in share._asdict().items()}
