"""How often an interval of 95 % has the truth in it, on the synthetic rainforest.

Two tests go together. One draws whole queues, 400 times, and has a reviewer who is always right
answer half of each, or all: of designs by chance, with species in 2 % and in about a third of the
windows. The other draws what a reviewer would have found, 2 000 times, for more densities,
numbers and thresholds, so that the coverage of each species is known to 0.5 %, and their mean to
0.2 %: it decides nothing whether another seed is taken. Coverages of 400 draws have an error of
1 %, by which the limits of the first test are wider.

A discrete interval cannot cover 95 % of the time for every single number: of one species it covers
between 90 and 99 %. The mean over the species of a kind is asserted to be between 93 and 97 %. It
is near 95 % for one stratum, and 95.5 to 97 % for several, as nothing is assumed of strata in which
no call was found. For the same reason it may be 97.5 % for the density of six strata with ten or
twenty clips each, up to 98 % where strata are combined with another queue, and up to 99.9 % for the
recall of strata.
Precisions above 98 % are beyond this: there, most draws find no wrong clip, and the interval covers
from 85 % of the time to always.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest

from queued import infos_of
from reviewed_forest import Forest, forest_of_windows, reviewed
from rfcx_audio.queues import (
    ByChance,
    Counts,
    Places,
    Random,
    Share,
    Strata,
    ratio_to_sum,
    share_of,
)
from rfcx_audio.queues.earlier import nothing
from rfcx_audio.queues.estimates import combined, counts_of

DRAWS, MANY = 400, 2000
ERROR = 0.01  # of a coverage that is counted in 400 draws, one standard deviation
SURE = 0.98  # precision from which no interval from few clips covers as it should
KINDS = ("rare", "middle", "common")
BETWEEN = (0.93, 0.97)


@pytest.fixture(scope="module")
def forests() -> dict[str, Forest]:
    return forest_of_windows(200, 6)


def stacked(several: list[Counts]) -> Counts:
    return Counts(*(np.stack(parts) for parts in zip(*(one[:4] for one in several), strict=True)))


def covers(found: Share, truth: float) -> np.ndarray:
    return (found.low <= truth + 1e-9) & (truth - 1e-9 <= found.high)


@pytest.mark.slow
@pytest.mark.parametrize("design", [Random, Strata, Places])
def test_intervals_of_whole_queues_cover(design: type[ByChance]) -> None:
    hits: dict[str, list[np.ndarray]] = {"density": [], "precision": []}
    forests = forest_of_windows(100, 1)
    for kind in ("rare", "common"):
        forest = forests[kind]
        (name,) = forest.frame.species
        frame = replace(forest.frame, infos=infos_of(forest.scores, sites=3))
        limit = float(np.quantile(forest.scores_of(name), 0.5))
        present, above = forest.present_in(name), forest.scores_of(name) >= limit
        truth = {"density": present.mean(), "precision": present[above].mean()}
        assert truth["precision"] < SURE
        found: dict[tuple[str, float], list[Counts]] = defaultdict(list)
        for seed in range(DRAWS):
            drawn = design(number=160, seed=seed).draw(frame, nothing(frame))
            for share in (0.5, 1.0):
                sample = reviewed(forest, drawn, share)
                found["density", share].append(counts_of(sample, sample.strata))
                part = counts_of(sample, sample.strata, [limit])
                alone = Counts(*(np.asarray(column).reshape(-1) for column in part[:4]))
                found["precision", share].append(alone)
        for (of, _), several in found.items():
            hits[of].append(covers(share_of(stacked(several)), truth[of]))
    for of, several in hits.items():
        mean = np.mean(several)
        least, most = BETWEEN[0] - ERROR, BETWEEN[1] + ERROR
        assert least <= mean <= most, (of, mean, [one.mean() for one in several])


def drawn_counts(
    forest: Forest, name: str, number: int, bins: int, part: float, rng: np.random.Generator
) -> tuple[Counts, np.ndarray, float, float]:
    """What is found in many draws: counts above a quantile of the score, calls below, truths."""
    scores, present = forest.scores_of(name), forest.present_in(name)
    shares = 1 - 0.5 ** np.arange(1, bins)
    place = np.searchsorted(np.quantile(scores, shares, method="higher"), scores, side="right")
    above = scores >= np.quantile(scores, part)

    def counted(which: np.ndarray) -> np.ndarray:
        return np.bincount(place[which], minlength=bins)

    population, inside = counted(np.ones(len(scores), bool)), counted(above)
    calls, missed = counted(above & present), counted(~above & present)
    judged = np.broadcast_to(np.minimum(number // bins, population), (MANY, bins))
    chosen = rng.hypergeometric(inside, population - inside, judged)
    found = rng.hypergeometric(calls, inside - calls, chosen)
    below = rng.hypergeometric(missed, population - inside - missed, judged - chosen)
    members = np.broadcast_to(population, judged.shape)
    recall = calls.sum() / present.sum()
    return Counts(members, judged, chosen, found), below, float(present[above].mean()), recall


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("number", [120, 300])
@pytest.mark.parametrize("bins", [1, 6])
@pytest.mark.parametrize("part", [0.0, 0.8, 0.9])
def test_shares_cover(
    forests: dict[str, Forest], kind: str, number: int, bins: int, part: float
) -> None:
    rng = np.random.default_rng([number, bins, round(100 * part)])
    hits = []
    for name in forests[kind].frame.species:
        counts, _, truth, _ = drawn_counts(forests[kind], name, number, bins, part, rng)
        if truth < SURE:
            hits.append(covers(share_of(counts), truth).mean())
    most = 0.975 if (bins, part) == (6, 0.0) else BETWEEN[1]
    assert BETWEEN[0] <= np.mean(hits) <= most, hits
    assert min(hits) > 0.9


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "numbers", [((120, 1), (120, 1)), ((200, 1), (60, 6)), ((60, 1), (120, 6))]
)
def test_queues_that_are_combined_cover(
    forests: dict[str, Forest], kind: str, numbers: tuple[tuple[int, int], ...]
) -> None:
    rng = np.random.default_rng(np.ravel(numbers))
    for part in (0.0, 0.85):
        hits = []
        for name in forests[kind].frame.species:
            parts = [drawn_counts(forests[kind], name, *one, part, rng) for one in numbers]
            found = share_of(combined([one[0] for one in parts]))
            if parts[0][2] < SURE:
                hits.append(covers(found, parts[0][2]).mean())
        assert BETWEEN[0] <= np.mean(hits) <= 0.98, hits


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("bins", "most"), [(1, 0.975), (6, 0.999)])
def test_recall_covers(forests: dict[str, Forest], kind: str, bins: int, most: float) -> None:
    rng = np.random.default_rng(bins)
    hits = []
    for name in forests[kind].frame.species:
        counts, below, _, truth = drawn_counts(forests[kind], name, 300, bins, 0.85, rng)
        whole = counts._replace(inside=counts.judged)
        parts = (share_of(whole), share_of(whole._replace(found=below)))
        hits.append(covers(ratio_to_sum(*parts), truth).mean())
    assert BETWEEN[0] <= np.mean(hits) <= most, hits
