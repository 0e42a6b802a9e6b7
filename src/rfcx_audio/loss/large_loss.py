"""Large loss: unknown counts as absent, but for the cells where that costs most."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (torch's own abbreviation)

from rfcx_audio.batch import CellLoss, CropLabels, Logits
from rfcx_audio.loss.by_species import BySpecies, by_species, shown
from rfcx_audio.loss.ramp import Ramp, value_now
from rfcx_audio.loss.row_table import RowTable, only_row, rows_of_crops
from rfcx_audio.loss.unknown_cells import exact, known_and_unknown, largest

Variant = Literal["reject", "correct_temporarily", "correct_permanently"]

_ROUNDING = 1e-6  # a tenth of ten cells is one cell, not two


def large_cells(logits: Tensor, known: Tensor, share: float) -> Tensor:
    """The unknown cells whose absence would cost most.

    Args:
        logits: (batch, species); the larger, the larger the loss of absence.
        known: (batch, species) in [0, 1]; only cells that are wholly unknown are chosen.
        share: in [0, 1], of the unknown cells of the batch, rounded up.

    Returns:
        (batch, species) bool.

    Raises:
        ValueError: `share` lies outside [0, 1].
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share is {share}; it must lie in [0, 1]")
    unknown = known == 0
    return largest(logits, unknown, (share * unknown.sum().double() - _ROUNDING).ceil())


def large_loss(
    logits: Tensor,
    target: Tensor,
    known: Tensor,
    large: Tensor,
    variant: Variant = "reject",
    unknown_weight: BySpecies = 1.0,
) -> CellLoss:
    """Cross-entropy with unknown as absent, but for the cells of large loss.

    Args:
        logits: (batch, species), unbounded.
        target: (batch, species) in [0, 1]; where `known` is 0 it has no influence, NaN included.
        known: (batch, species) in [0, 1].
        large: (batch, species) bool, see `large_cells`; in known cells it has no influence.
        variant: whether those cells are left out (`reject`) or count as present (the others).
        unknown_weight: in [0, 1], of unknown cells, for all species or for each.

    Returns:
        (batch, species) values and weights.

    Raises:
        ValueError: `unknown_weight` is out of range, or the shapes differ.

    Source: Kim et al. (2022), arXiv:2206.03740: LL-R, and LL-Ct or LL-Cp.
    """
    logits = exact(logits)
    weight = by_species("unknown_weight", unknown_weight, logits).expand_as(logits)
    present = large if variant != "reject" else torch.zeros_like(large)
    unknown_loss = F.binary_cross_entropy_with_logits(
        logits, present.to(logits.dtype), reduction="none"
    )
    if variant == "reject":
        weight = weight * ~large
    return known_and_unknown(logits, target, known, unknown_loss, weight)


class LargeLoss(nn.Module):
    """`large_loss` of the clips.

    Args:
        variant: what happens to the cells of large loss. `reject` (LL-R) leaves them out.
            `correct_temporarily` (LL-Ct) counts them as present in this step.
            `correct_permanently` (LL-Cp) also keeps the correction for the row that the crop was
            cut around: all later crops of this row, and mixtures with them, hold the species. In
            a mixture the species could come from either crop, so corrections there are temporary.
        share: in [0, 1], of the unknown cells of a batch. A `Ramp` from 0 lets the network learn
            first: the paper's (epoch - 1) delta is Ramp(0, (epochs - 1) delta, 1 / epochs, 1),
            reached at the end of each epoch; for `correct_permanently`, where corrections add up,
            it is a constant delta from the second epoch on.
        unknown_weight: in [0, 1], see `large_loss`.

    Raises:
        ValueError: there is no such variant; in `forward`, a setting is out of range, the shapes
            differ, or the crops come without rows.

    Source: Kim et al. (2022), arXiv:2206.03740.
    """

    def __init__(
        self,
        variant: Variant = "reject",
        share: float | Ramp = 0.01,
        unknown_weight: BySpecies = 1.0,
    ) -> None:
        super().__init__()
        if variant not in get_args(Variant):
            raise ValueError(
                f"variant {variant!r} does not exist; choose {', '.join(get_args(Variant))}"
            )
        self.variant: Variant = variant
        self.share = share
        self.unknown_weight = unknown_weight
        self.corrected = RowTable() if variant == "correct_permanently" else None

    def forward(self, logits: Logits, labels: CropLabels) -> CellLoss:
        """The cells' losses.

        Args:
            logits: of which `clip` (batch, species) is used.
            labels: of which `clip` (batch, species) is used; LL-Cp uses `rows` too.

        Returns:
            (batch, species) values and weights.
        """
        known, share = labels.clip.known, value_now(self.share)
        if self.corrected is None:
            large = large_cells(logits.clip, known, share)
        else:
            rows = rows_of_crops(labels, self.corrected)
            before = (self.corrected.read(rows) > 0).any(1)  # (batch, species)
            large = before | large_cells(logits.clip, torch.where(before, 1, known), share)
            self.corrected.write(only_row(rows), large)
        return large_loss(logits.clip, *labels.clip, large, self.variant, self.unknown_weight)

    def extra_repr(self) -> str:
        """The settings, for `repr`; a ramp shows itself."""
        share = "" if isinstance(self.share, Ramp) else f"share={self.share:g}, "
        return f"variant={self.variant}, {share}unknown_weight={shown(self.unknown_weight)}"
