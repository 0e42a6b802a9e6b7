"""Expected positive regularisation: how many species a crop holds, not which."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rfcx_audio.batch import CellLoss, CropLabels, Logits
from rfcx_audio.loss.unknown_cells import exact, known_and_unknown


def count_penalty(
    scores: Tensor,
    target: Tensor,
    known: Tensor,
    expected: float,
    counted: Tensor | None = None,
) -> Tensor:
    """How far the mean number of species in a crop is from the expected one.

    Args:
        scores: (batch, species) in [0, 1], of the unknown cells.
        target: (batch, species) in [0, 1]; where `known` is 0 it has no influence, NaN included.
        known: (batch, species) in [0, 1].
        expected: species in a crop.
        counted: (batch,) 0 or 1, the crops whose mean it is; None for all.

    Returns:
        A scalar, ((mean over the batch of the number of species) - expected)^2 / species^2, in
        which a cell known to the share k counts k target + (1 - k) score, so that no gradient
        reaches what is known.
    """
    known = known.to(scores.dtype)
    present = torch.where(known > 0, target, 0).to(scores.dtype) * known
    number = (present + (1 - known) * scores).sum(1)
    if counted is None:
        mean = number.mean()
    else:
        mean = (counted * number).sum() / counted.sum().clamp(min=1)
    return ((mean - expected) / scores.shape[1]) ** 2


def epr(
    logits: Tensor, target: Tensor, known: Tensor, expected: float, weight: float = 1.0
) -> CellLoss:
    """Cross-entropy of known cells; unknown ones are penalised by the number of species only.

    Every unknown cell costs `count_penalty`, so that the mean over all cells (the reduction
    `known`) is the paper's loss, cross-entropy over all cells plus the penalty times the share of
    unknown cells.

    Args:
        logits: (batch, species), unbounded.
        target: (batch, species) in [0, 1]; where `known` is 0 it has no influence, NaN included.
        known: (batch, species) in [0, 1].
        expected: number of species in a crop, known ones included; in [0, species].
        weight: of unknown cells, at least 0; 0 is `masked_bce`.

    Returns:
        (batch, species) values and weights.

    Raises:
        ValueError: a setting lies outside its range, or the shapes differ.

    Source: Cole et al. (2021), arXiv:2106.09708, where only presences are known, and those count as
    predicted; here they count as known. In several processes each regularises its own crops.
    """
    if not 0 <= expected <= logits.shape[1] or weight < 0:
        raise ValueError(
            f"expected ({expected}) must lie in [0, {logits.shape[1]}], the number of species; "
            f"weight ({weight}) must be at least 0"
        )
    logits = exact(logits)
    penalty = count_penalty(logits.sigmoid(), target, known, expected)
    weights = torch.full_like(logits, weight)
    return known_and_unknown(logits, target, known, penalty.expand_as(logits), weights)


class EPR(nn.Module):
    """`epr` of the clips.

    Args:
        expected: number of species in a crop after augmentation; mixing crops raises it.
        weight: of unknown cells, at least 0.

    Raises:
        ValueError: in `forward`, if a setting lies outside its range, or the shapes differ.
    """

    def __init__(self, expected: float = 3.0, weight: float = 1.0) -> None:
        super().__init__()
        self.expected = expected
        self.weight = weight

    def forward(self, logits: Logits, labels: CropLabels) -> CellLoss:
        """The cells' losses.

        Args:
            logits: of which `clip` (batch, species) is used.
            labels: of which `clip` (batch, species) is used.

        Returns:
            (batch, species) values and weights.
        """
        return epr(logits.clip, *labels.clip, self.expected, self.weight)

    def extra_repr(self) -> str:
        """The settings, for `repr`."""
        return f"expected={self.expected:g}, weight={self.weight:g}"
