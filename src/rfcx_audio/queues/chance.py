"""Designs by chance: each clip has a known probability, and estimates hold for the whole frame."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pandas as pd

from rfcx_audio.queues.design import Design, Drawn
from rfcx_audio.queues.earlier import Earlier
from rfcx_audio.queues.frame import Frame, QueueError
from rfcx_audio.scores import RECORDING

EVERYTHING = "all"
"""The stratum of a design without strata."""

_STREAM = 20_240  # so that invented scores of the same seed are not of the same random numbers
_LEAST = 2  # clips of a stratum, so that its prefix has one soon and its spread can be estimated
_ENOUGH = 8  # of a stratum of place and time, which may be many


@dataclass(frozen=True)
class ByChance(Design):
    """Strata of candidates for each species, and a random order in each.

    Each species gets the same share of the clips, and each of its strata the same share of those.
    In the queue the strata take turns in proportion to their clips, so that wherever a reviewer
    stops, what was reviewed is a random sample of each stratum. A clip that was answered in an
    earlier queue may be drawn again: it is not offered, and its answer counts where its turn was.
    """

    by_chance: ClassVar[bool] = True

    @abstractmethod
    def strata(self, frame: Frame, number: int) -> np.ndarray:
        """The name of each candidate's stratum.

        Args:
            frame: of one species.
            number: of clips that are drawn from it.
        """

    def draw(self, frame: Frame, earlier: Earlier) -> Drawn:
        """See `Design.draw`."""
        rng = np.random.default_rng([_STREAM, self.seed])
        codes, kinds = pd.factorize(frame.table["species"])
        places = {str(kind): np.flatnonzero(codes == n) for n, kind in enumerate(kinds)}
        names = [name for name in frame.species if name in places]
        shares = dict(zip(names, shared_out(self.number, [len(codes)] * len(names)), strict=True))
        parts: list[pd.DataFrame] = []
        strata: list[tuple[str, str, int, int]] = []
        drawn_again: dict[str, dict[str, list[list[float | None]]]] = {}
        for name, share in shares.items():
            rows = places[name]
            of = np.full(len(rows), EVERYTHING)
            if share:
                of = self.strata(replace(frame, table=frame.table.iloc[rows]), share)
            which, strata_of = pd.factorize(of, sort=True)
            cells = {str(one): rows[which == n] for n, one in enumerate(strata_of)}
            free = [int((earlier.clip[cell] < 0).sum()) for cell in cells.values()]
            wanted = dict(zip(cells, shared_out(share, free), strict=True))
            for stratum, cell in cells.items():
                order = _enough(rng.permutation(cell), earlier.clip, wanted[stratum])
                clip = earlier.clip[order]
                strata.append((name, stratum, len(cell), len(order)))
                again = redrawn(frame, order, clip)
                if again:
                    drawn_again.setdefault(name, {})[stratum] = again
                turn = (np.arange(len(order)) + rng.random()) / max(1, len(order))
                part = frame.table.iloc[order].assign(
                    stratum=stratum, probability=len(order) / len(cell), turn=turn
                )
                parts.append(part[clip < 0])
        clips = pd.concat(parts).sort_values("turn", kind="stable") if parts else frame.table
        if clips.empty:
            raise QueueError(f"all {frame.kind} have been answered; nothing is left to be drawn")
        table = pd.DataFrame(
            strata, columns=pd.Index(["species", "stratum", "population", "drawn"])
        )
        return Drawn(clips, table, {"drawn_again": drawn_again})


@dataclass(frozen=True)
class Random(ByChance):
    """Candidates at random: the only ones that find what the model misses."""

    def strata(self, frame: Frame, number: int) -> np.ndarray:  # noqa: ARG002 (of the contract)
        """One for all."""
        return np.full(len(frame.table), EVERYTHING)


@dataclass(frozen=True)
class Strata(ByChance):
    """Strata of score, each half as large as the one below, so that high scores are drawn densely.

    The lowest has half of the candidates of a species, the next a quarter, and so on; the highest
    is as large as the one below it.

    Attributes:
        bins: of the score; fewer where there are less than two clips for each.

    Source: the quantile bins of Navine et al. (2024), "All thresholds barred: direct estimation of
        call density in bioacoustic data", doi:10.3389/fbirs.2024.1380636.
    """

    bins: int = 6

    def strata(self, frame: Frame, number: int) -> np.ndarray:
        """By rank of the score; equal scores stay together where they are few."""
        if self.bins < 1:
            raise QueueError(f"queue.bins = {self.bins}; expected 1 or more")
        scores = scores_of(frame)
        bins = max(1, min(self.bins, number // _LEAST))
        shares = 1 - 0.5 ** np.arange(1, bins)  # of the candidates below each edge
        edges = np.unique(np.quantile(scores, shares, method="higher")) if bins > 1 else []
        place = np.searchsorted(edges, scores, side="right")
        names = np.full(len(edges) + 1, "", dtype=object)
        for n in np.unique(place):
            inside = scores[place == n]
            names[n] = f"{n + 1}: score {inside.min():.4g} to {inside.max():.4g}"
        return names[place]


@dataclass(frozen=True)
class Places(ByChance):
    """Strata of site, date and hour, so that all times and places are reviewed alike.

    Where there are less than eight clips for each stratum, of which a rate can be estimated, those
    of site and hour of the day are taken; failing these, those of the site; else there is one only.
    """

    def strata(self, frame: Frame, number: int) -> np.ndarray:
        """The finest that have enough clips each."""
        site, date, hour = place_and_hour(frame)
        if not (site.astype(bool) | date.astype(bool)).any():
            raise QueueError(
                "queue=places needs the sites or start times of the recordings: give recordings=… "
                "whose names have them, or recordings_table=…"
            )
        for parts in ((site, date, hour), (site, hour), (site,)):
            names = _joined(parts)
            if len(np.unique(names)) <= max(1, number // _ENOUGH):
                return names
        return np.full(len(frame.table), EVERYTHING)


def place_and_hour(frame: Frame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Site, date and hour of day of each candidate, as text; empty where unknown."""
    codes, names = pd.factorize(frame.table[RECORDING[0]].astype(str))
    infos = [frame.infos.get(name) for name in names]
    sites = np.array([info.site if info else "" for info in infos], dtype=str)
    starts = np.array(
        [info.start.replace(tzinfo=None) if info and info.start else "NaT" for info in infos],
        dtype="datetime64[ms]",
    )
    since = (frame.table["t_min"].to_numpy() * 1000).astype("timedelta64[ms]")
    hours = (starts[codes] + since).astype("datetime64[h]")
    which, kinds = pd.factorize(hours, use_na_sentinel=False)
    text = np.array(["" if np.isnat(one) else str(one) for one in np.asarray(kinds)], dtype=str)
    dates = np.array([one.partition("T")[0] for one in text], dtype=str)
    clocks = np.array([one.partition("T")[2] for one in text], dtype=str)
    return sites[codes], dates[which], clocks[which]


def scores_of(frame: Frame) -> np.ndarray:
    """The scores of all candidates.

    Raises:
        QueueError: some have none.
    """
    scores = frame.table["score"].to_numpy()
    if np.isnan(scores).any():
        raise QueueError(
            "this queue needs a score for each detection; give a table with a column score"
        )
    return scores


def shared_out(number: int, sizes: Sequence[int]) -> list[int]:
    """A number shared out evenly, none getting more than it holds; the last ones get the rest."""
    given = np.zeros(len(sizes), int)
    holds = np.array(sizes, int)
    left = min(number, int(holds.sum()))
    while left:
        open_ = np.flatnonzero(given < holds)[::-1]
        each = max(1, left // len(open_))
        for place in open_[:left] if left < len(open_) else open_:
            more = min(each, holds[place] - given[place], left)
            given[place] += more
            left -= more
    return [int(one) for one in given]


def redrawn(frame: Frame, order: np.ndarray, clip: np.ndarray) -> list[list[float | None]]:
    """Of a stratum, what was answered before: its turn, the number of the clip, and the score.

    Args:
        frame: of candidates.
        order: in which they were drawn.
        clip: (drawn,) the number of each, see `Earlier`.
    """
    turns = np.flatnonzero(clip >= 0)
    scores = frame.table["score"].to_numpy()[order[turns]]
    whole = zip(turns, clip[turns], scores, strict=True)
    return [[int(turn), int(number), _plain(score)] for turn, number, score in whole]


def _plain(score: float) -> float | None:
    return None if np.isnan(score) else float(score)


def _enough(order: np.ndarray, clip: np.ndarray, wanted: int) -> np.ndarray:
    """The begin of a random order that has so many candidates without an answer."""
    if not wanted:
        return order[:0]
    free = np.cumsum(clip[order] < 0)
    return order[: int(np.searchsorted(free, wanted)) + 1]


def _joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Texts, a space between the parts; each different one is made once."""
    table = pd.DataFrame(dict(enumerate(parts)))
    number = table.groupby(list(table), sort=False).ngroup()
    firsts = table[~number.duplicated()]
    texts = [" ".join(row) for row in firsts.itertuples(index=False, name=None)]
    return np.array(texts, dtype=object)[number.to_numpy()]
