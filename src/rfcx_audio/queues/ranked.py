"""Designs that choose by the scores: no chance, and so no estimate for more than the clips."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
import pandas as pd

from rfcx_audio.queues.chance import scores_of
from rfcx_audio.queues.design import Design, Drawn
from rfcx_audio.queues.earlier import Earlier
from rfcx_audio.queues.frame import ROUNDING_S, Frame, QueueError
from rfcx_audio.scores import RECORDING, Scores, read_thresholds


@dataclass(frozen=True)
class Ranked(Design):
    """Candidates by their rank among those of their species; the species take turns."""

    @abstractmethod
    def worth(self, frame: Frame) -> np.ndarray:
        """(candidates,), the highest first."""

    def draw(self, frame: Frame, earlier: Earlier) -> Drawn:
        """See `Design.draw`."""
        worth = self.worth(frame)
        usable = ~earlier.overlaps & ~np.isnan(worth)
        species = frame.table["species"].astype("category").cat.codes.to_numpy()
        chosen: list[tuple[int, float, int]] = []  # turn, worth and place
        for code in np.unique(species[usable]):
            rows = np.flatnonzero((species == code) & usable)
            rows = rows[np.argsort(-worth[rows], kind="stable")]
            apart = Apart(frame, self.min_spacing_s)
            turn = 0
            for row in rows.tolist():
                if turn == self.number:
                    break
                if apart.take(row):
                    chosen.append((turn, -float(worth[row]), row))
                    turn += 1
        places = [row for *_, row in sorted(chosen)[: self.number]]
        return chosen_clips(frame, places)


@dataclass(frozen=True)
class Top(Ranked):
    """The highest scores of each species."""

    def worth(self, frame: Frame) -> np.ndarray:
        """The score."""
        return scores_of(frame)


@dataclass(frozen=True)
class Uncertainty(Ranked):
    """The scores of each species that are nearest to its threshold.

    Attributes:
        thresholds: one for all species, or a `thresholds.csv`, see `read_thresholds`; species
            without one are left out.
    """

    thresholds: float | str = 0.5

    def worth(self, frame: Frame) -> np.ndarray:
        """The distance, less than 0."""
        names = frame.species
        none = Scores(
            pd.DataFrame({RECORDING[0]: []}), np.zeros((0, len(names))), names, dict(frame.metadata)
        )
        limits = dict(zip(names, read_thresholds(self.thresholds, none), strict=True))
        return -np.abs(scores_of(frame) - frame.table["species"].astype(str).map(limits).to_numpy())


@dataclass(frozen=True)
class Entropy(Design):
    """The windows whose most uncertain species are the most uncertain: top-k entropy.

    A window is worth the sum of the binary entropies of its `classes` most uncertain species, and
    gives a clip for each of them, next to each other: one look answers them all.

    Attributes:
        classes: species of a window that count.

    Source: arXiv:2503.02422.
    """

    classes: int = 3

    def draw(self, frame: Frame, earlier: Earlier) -> Drawn:
        """See `Design.draw`."""
        if self.classes < 1:
            raise QueueError(f"queue.classes = {self.classes}; expected 1 or more")
        rows, value = most_uncertain(frame, ~earlier.overlaps, self.classes)
        window = frame.table["window"].to_numpy()[rows]
        total = np.bincount(window, value)
        order = rows[np.lexsort((-value, window, -total[window]))]
        apart = Apart(frame, self.min_spacing_s)
        places: list[int] = []
        windows = frame.table["window"].to_numpy()
        accepted: dict[int, bool] = {}
        for row in order.tolist():
            if len(places) == self.number:
                break
            if windows[row] not in accepted:
                accepted[windows[row]] = apart.take(row)
            if accepted[windows[row]]:
                places.append(row)
        return chosen_clips(frame, places)


def binary_entropy(scores: np.ndarray) -> np.ndarray:
    """Of probabilities, in bits: 1 at 0.5, 0 at 0 and 1."""
    p = np.clip(scores, 1e-12, 1 - 1e-12)
    return -(p * np.log2(p) + (1 - p) * np.log2(1 - p))


def most_uncertain(frame: Frame, usable: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """The most uncertain candidates of each window: their places, and their binary entropies.

    Args:
        frame: of candidates.
        usable: (candidates,), which of them count.
        classes: of a window, at most.
    """
    rows = np.flatnonzero(usable)
    value = binary_entropy(scores_of(frame))[rows]
    window = frame.table["window"].to_numpy()[rows]
    order = np.lexsort((-value, window))
    ranked = window[order]
    first = np.r_[True, ranked[1:] != ranked[:-1]] if len(ranked) else np.zeros(0, bool)
    rank = np.arange(len(ranked)) - np.maximum.accumulate(
        np.where(first, np.arange(len(ranked)), 0)
    )
    kept = order[rank < classes]
    return rows[kept], value[kept]


def chosen_clips(frame: Frame, places: list[int]) -> Drawn:
    """Clips that were chosen without chance, in their order.

    Raises:
        QueueError: there is none.
    """
    if not places:
        raise QueueError(f"all {frame.kind} have been answered; nothing is left to be reviewed")
    return Drawn(frame.table.iloc[places].assign(stratum="", probability=np.nan))


class Apart:
    """Takes candidates that lie far enough from those that were taken before.

    Args:
        frame: of candidates.
        spacing_s: between their starts; None: so that they do not overlap.
    """

    def __init__(self, frame: Frame, spacing_s: float | None) -> None:
        if spacing_s is not None and spacing_s < 0:
            raise QueueError(f"queue.min_spacing_s = {spacing_s}; expected 0 s or more")
        self.spacing_s = spacing_s
        table = frame.table
        self.recording = pd.factorize(table[RECORDING[0]])[0]
        self.t_min, self.t_max = (table[name].to_numpy(float) for name in ("t_min", "t_max"))
        self.taken: dict[int, list[int]] = {}

    def take(self, row: int) -> bool:
        """Whether it is far enough from the others, of which it is one from now on."""
        others = self.taken.setdefault(int(self.recording[row]), [])
        if any(self._near(row, other) for other in others):
            return False
        others.append(row)
        return True

    def _near(self, row: int, other: int) -> bool:
        if self.spacing_s is None:
            shared = min(self.t_max[row], self.t_max[other]) - max(
                self.t_min[row], self.t_min[other]
            )
            return bool(shared > ROUNDING_S)
        return bool(abs(self.t_min[row] - self.t_min[other]) < self.spacing_s - ROUNDING_S)
