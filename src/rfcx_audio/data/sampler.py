"""Which crops an epoch is made of: recipe and sampler."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, get_args

import numpy as np
from torch.utils.data import Sampler

from rfcx_audio.data.soft_labels import SoftRecipe

BACKGROUND = -1
SEEDS = 2**62
"""Seeds of draws lie below."""

_PASSES = 8
"""Over the TP rows in an epoch: validation scores whole recordings, which takes its time."""

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
        pseudo_share: share of the other crops drawn around pseudo rows or, where there are soft
            labels, from anywhere in the recordings that have them.
        crops_per_epoch: None: as many as make every TP row appear eight times.
        frame_s: of a label frame, see `CropLabels`.
        supervision: `rows` labels a crop by the tables. `truth` labels it by every call in it, as
            is impossible in the field: the upper bound of a comparison, on complete truth.
        soft: targets for what no row labels, see there.
    """

    duration_s: float
    min_overlap: float = 0.5
    tp_share: float = 0.5
    background_share: float = 0.0
    pseudo_share: float = 0.5
    crops_per_epoch: int | None = None
    frame_s: float = 0.1
    supervision: Supervision = "rows"
    soft: SoftRecipe = field(default_factory=SoftRecipe)

    def __post_init__(self) -> None:
        """Raises ValueError where a share or a duration is out of range."""
        for name in ("tp_share", "background_share", "pseudo_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} = {getattr(self, name)} lies outside 0 to 1")
        if not 0 < self.min_overlap <= 1:
            raise ValueError(f"min_overlap = {self.min_overlap} lies outside ]0, 1]")
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
    epoch no row appears twice before every row of its kind has appeared. Where TP or FP rows are
    missing, the other kind takes their share.

    Args:
        present: (rows,) bool, whether each row is a TP.
        pseudo: (rows,) bool, whether each row is a pseudo-label and neither TP nor FP.
        recipe: shares and number of crops.
        seed: of all draws; with the epoch number it decides them entirely.
        rank: which part of the draws is this process's.
        world_size: number of parts, all equally long.
    """

    def __init__(
        self,
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
        self.seed = seed
        self.rank = rank
        self.world_size = world_size
        self.epoch = 0
        tp_share = recipe.tp_share if len(self.kinds["fp"]) else 1.0
        tp_share = tp_share if len(self.kinds["tp"]) else 0.0
        pseudo_share = recipe.pseudo_share if len(self.kinds["pseudo"]) else 0.0
        table_share = tp_share * (1 - recipe.background_share) * (1 - pseudo_share)
        by_table = len(self.kinds["tp"]) / table_share if table_share else len(present)
        total = recipe.crops_per_epoch or round(_PASSES * by_table)
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
            [_rounds(self.kinds[kind], self.counts[kind], rng) for kind in self.kinds]
            + [np.full(self.background, BACKGROUND)]
        )
        seeds = rng.integers(0, SEEDS, size=len(rows))
        order = rng.permutation(len(rows))[self.rank :: self.world_size]
        return iter([Draw(int(rows[i]), int(seeds[i])) for i in order])


def _rounds(rows: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    if not count:
        return np.empty(0, dtype=int)
    rounds = -(-count // len(rows))
    return np.concatenate([rng.permutation(rows) for _ in range(rounds)])[:count]
