"""Which crops an epoch is made of: recipe and sampler."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import repeat
from typing import Literal, NamedTuple, get_args

import numpy as np
from torch.utils.data import Sampler

from rfcx_audio.data.soft_labels import SoftRecipe

BACKGROUND = -1
ANY_SPECIES = -1
"""Of a complete span, which labels all of them."""
SEEDS = 2**62
"""Seeds of draws lie below."""

Supervision = Literal["rows", "truth"]


class Draw(NamedTuple):
    """One crop to cut: around a row of the table, or of background, and its own seed."""

    row: int
    seed: int


@dataclass(frozen=True)
class CropRecipe:
    """How training crops are chosen and labelled.

    Attributes:
        duration_s: of a crop.
        min_overlap: share of a row (or of the crop, if shorter) that must lie in the crop for the
            row to label it; see `label_windows`.
        tp_share: share of the crops drawn around TP rows; the rest is drawn around FP rows.
        background_share: share of the crops, taken first, drawn where no row is.
        pasted_share: of the crops around TP rows, those of other recordings onto which the row's
            call is pasted, see `pasted_window`.
        pseudo_share: share of the other crops drawn around pseudo rows or, where there are soft
            labels, from anywhere in the recordings that have them.
        crops_per_epoch: whatever the number of rows: with the epochs, it decides what a training
            costs, and how many steps it has.
        frame_s: of a label frame, see `CropLabels`.
        supervision: `rows` labels a crop by the tables. `truth` labels it by every call in it, as
            is impossible in the field: the upper bound of a comparison, on complete truth.
        soft: targets for what no row labels, see there.
    """

    duration_s: float
    min_overlap: float = 0.5
    tp_share: float = 0.5
    background_share: float = 0.0
    pasted_share: float = 0.0
    pseudo_share: float = 0.5
    crops_per_epoch: int = 6400
    frame_s: float = 0.1
    supervision: Supervision = "rows"
    soft: SoftRecipe = field(default_factory=SoftRecipe)

    def __post_init__(self) -> None:
        """Raises ValueError where a share or a duration is out of range."""
        for name in ("tp_share", "background_share", "pasted_share", "pseudo_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} = {getattr(self, name)} lies outside 0 to 1")
        if not 0 < self.min_overlap <= 1:
            raise ValueError(f"min_overlap = {self.min_overlap} lies outside ]0, 1]")
        if not isinstance(self.crops_per_epoch, int) or self.crops_per_epoch < 1:
            raise ValueError(
                f"crops_per_epoch = {self.crops_per_epoch}; expected a number of crops, at least 1 "
                "(6400 by default), whatever the number of rows"
            )
        if not 0 < self.frame_s <= self.duration_s:
            raise ValueError(
                f"frame_s = {self.frame_s} and duration_s = {self.duration_s}: both must be above "
                "0, and a label frame no longer than a crop"
            )
        if self.supervision not in get_args(Supervision):
            raise ValueError(f"supervision = {self.supervision!r}; choose rows or truth")

    @property
    def num_frames(self) -> int:
        """Label frames of a crop."""
        return round(self.duration_s / self.frame_s)

    def check_truth(self, *, known: bool) -> None:
        """Refuses supervision by the truth where there is none.

        Args:
            known: whether every call of the training recordings is known.

        Raises:
            ValueError: the recipe wants the truth for supervision, and it is not known.
        """
        if self.supervision == "truth" and not known:
            raise ValueError(
                "crops.supervision=truth needs a truth.csv with every call of the training "
                "recordings; choose crops.supervision=rows"
            )


class CropSampler(Sampler[Draw]):
    """Draws the crops of an epoch, the same for any number of workers.

    Each kind (TP, FP, pseudo) is gone through in random order again and again, so that within an
    epoch no row appears twice before every row of its kind has appeared; of FP rows this holds
    within each species. Where TP or FP rows are missing, the other kind takes their share.

    A detector chose the FP rows, so their number is no sign of how rare a species is. The draws of
    FP rows are therefore divided among the species as the TP rows are: with more FP rows of a
    species, other absences of it are drawn, not more of them.

    Args:
        species: (rows,) int of each row; `ANY_SPECIES` for a complete span.
        present: (rows,) bool, whether each row is a TP.
        pseudo: (rows,) bool, whether each row is a pseudo-label and neither TP nor FP.
        recipe: shares and number of crops.
        seed: of all draws; with the epoch number it decides them entirely.
        rank: which part of the draws is this process's.
        world_size: number of parts, all equally long.
    """

    def __init__(
        self,
        species: np.ndarray,
        present: np.ndarray,
        pseudo: np.ndarray,
        recipe: CropRecipe,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.kinds = {
            "tp": np.flatnonzero(present & ~pseudo),
            "fp": np.flatnonzero(~present & ~pseudo),
            "pseudo": np.flatnonzero(pseudo),
        }
        tp, fp = (species[self.kinds[kind]] for kind in ("tp", "fp"))
        self.fp_of = [self.kinds["fp"][fp == one] for one in np.unique(fp)]
        self.fp_shares = _fp_shares(fp, tp)
        self.seed = seed
        self.rank = rank
        self.world_size = world_size
        self.epoch = 0
        tp_share = recipe.tp_share if len(self.kinds["fp"]) else 1.0
        tp_share = tp_share if len(self.kinds["tp"]) else 0.0
        pseudo_share = recipe.pseudo_share if len(self.kinds["pseudo"]) else 0.0
        total = recipe.crops_per_epoch
        total = max(world_size, total - total % world_size)
        background = round(total * recipe.background_share)
        pseudo_count = round((total - background) * pseudo_share)
        real = total - background - pseudo_count
        tp_count = round(real * tp_share)
        self.counts = {"tp": tp_count, "fp": real - tp_count, "pseudo": pseudo_count}
        self.background = background

    def set_epoch(self, epoch: int) -> None:
        """Chooses the epoch whose draws come next (Lightning calls it)."""
        self.epoch = epoch

    def __len__(self) -> int:
        return (sum(self.counts.values()) + self.background) // self.world_size

    def __iter__(self) -> Iterator[Draw]:
        rng = np.random.default_rng([self.seed, self.epoch])
        rows = np.concatenate(
            [
                _rounds(self.kinds["tp"], self.counts["tp"], rng),
                *map(_rounds, self.fp_of, self._fp_counts(rng), repeat(rng)),
                _rounds(self.kinds["pseudo"], self.counts["pseudo"], rng),
                np.full(self.background, BACKGROUND),
            ]
        )
        seeds = rng.integers(0, SEEDS, size=len(rows))
        order = rng.permutation(len(rows))[self.rank :: self.world_size]
        return iter([Draw(int(rows[i]), int(seeds[i])) for i in order])

    def _fp_counts(self, rng: np.random.Generator) -> np.ndarray:
        """Whole numbers of draws by species whose expectations are their shares exactly."""
        reached = self.fp_shares.cumsum().round(12) * self.counts["fp"] + rng.uniform()
        return np.diff(np.floor(reached).astype(int), prepend=0)


def _fp_shares(fp: np.ndarray, tp: np.ndarray) -> np.ndarray:
    """The shares of the draws of FP rows: (species among `fp`,), ascending, with the sum 1.

    Args:
        fp: species of the FP rows, `ANY_SPECIES` of complete spans, which keep their share.
        tp: species of the TP rows; a species without any counts as one with a single row.
    """
    species, counts = np.unique(fp, return_counts=True)
    wanted = np.array([max(1, np.sum(tp == one)) for one in species], dtype=float)
    own = species != ANY_SPECIES
    wanted[own] *= counts[own].sum() / max(1, wanted[own].sum())
    wanted[~own] = counts[~own]
    return wanted / max(1, len(fp))


def _rounds(rows: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    if not count:
        return np.empty(0, dtype=int)
    rounds = -(-count // len(rows))
    return np.concatenate([rng.permutation(rows) for _ in range(rounds)])[:count]
