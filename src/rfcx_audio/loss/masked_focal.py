"""Focal loss that leaves out unknown species."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (torch's own abbreviation)

from rfcx_audio.batch import CellLoss, CropLabels, Logits
from rfcx_audio.loss.assume_absent import assume_absent
from rfcx_audio.loss.by_species import BySpecies, check_shares, shown


def masked_focal(
    logits: Tensor,
    target: Tensor,
    known: Tensor,
    gamma: float = 2.0,
    alpha: float | None = None,
    unknown_weight: BySpecies = 0.0,
) -> CellLoss:
    """Focal loss over the labelled species (`known` above 0): easy cells count less.

    With p = sigmoid(logit), a cell costs -(1 - p)^gamma ln p where its species is present and
    -p^gamma ln(1 - p) where it is absent; a target between 0 and 1 blends the two linearly.

    Args:
        logits: (batch, species), unbounded.
        target: (batch, species) in [0, 1]; where `known` is 0 it has no influence, NaN included.
        known: (batch, species) in [0, 1].
        gamma: at least 0; 0 with no `alpha` is `masked_bce`.
        alpha: in [0, 1], by which present cells are multiplied, and absent ones by 1 - alpha.
            None multiplies neither; the reduction `class_balanced` balances the sides.
        unknown_weight: in [0, 1], as in `masked_bce`.

    Returns:
        (batch, species) loss of each cell, in at least float32, and its weight.

    Raises:
        ValueError: if a setting lies outside its range, or the shapes differ.

    Source: Lin et al. (2017), arXiv:1708.02002, with the blend for soft targets added; the paper's
    alpha is 0.25.
    """
    _check_settings(gamma, alpha)
    if logits.shape != target.shape:
        raise ValueError(
            f"logits {tuple(logits.shape)} and target {tuple(target.shape)} must have one shape"
        )
    labels = assume_absent(target, known, unknown_weight)
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    if_present = -F.logsigmoid(logits)  # -ln p
    if_absent = -F.logsigmoid(-logits)  # -ln (1 - p)
    # (1 - p)^gamma as an exponential: the gradient of a power is infinite at 0 for gamma < 1.
    present = torch.exp(-gamma * if_absent) * if_present
    absent = torch.exp(-gamma * if_present) * if_absent
    if alpha is not None:
        present, absent = alpha * present, (1 - alpha) * absent
    soft = labels.target.to(logits.dtype)
    value = soft * present + (1 - soft) * absent
    return CellLoss(value=value, weight=labels.known.to(logits.dtype))


class MaskedFocal(nn.Module):
    """`masked_focal` of the clips.

    Args:
        gamma: at least 0, see `masked_focal`.
        alpha: in [0, 1] or None, see `masked_focal`.
        unknown_weight: in [0, 1], see `masked_bce`.

    Raises:
        ValueError: if a setting lies outside its range; in `forward`, if the shapes differ.
    """

    def __init__(
        self, gamma: float = 2.0, alpha: float | None = None, unknown_weight: BySpecies = 0.0
    ) -> None:
        super().__init__()
        _check_settings(gamma, alpha)
        check_shares("unknown_weight", unknown_weight)
        self.gamma = gamma
        self.alpha = alpha
        self.unknown_weight = unknown_weight

    def forward(self, logits: Logits, labels: CropLabels) -> CellLoss:
        """The cells' losses.

        Args:
            logits: of which `clip` (batch, species) is used.
            labels: of which `clip` (batch, species) is used.

        Returns:
            (batch, species) values and weights.
        """
        return masked_focal(logits.clip, *labels.clip, self.gamma, self.alpha, self.unknown_weight)

    def extra_repr(self) -> str:
        """The settings, for `repr`."""
        weight = shown(self.unknown_weight)
        return f"gamma={self.gamma:g}, alpha={self.alpha}, unknown_weight={weight}"


def _check_settings(gamma: float, alpha: float | None) -> None:
    if gamma < 0 or (alpha is not None and not 0 <= alpha <= 1):
        raise ValueError(f"gamma ({gamma}) must be at least 0, alpha ({alpha}) in [0, 1] or None")
