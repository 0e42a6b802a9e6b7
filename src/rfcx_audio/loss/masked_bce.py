"""Binary cross-entropy that leaves out unknown species."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (torch's own abbreviation)

from rfcx_audio.batch import CellLoss, CropLabels, Logits
from rfcx_audio.loss.assume_absent import assume_absent
from rfcx_audio.loss.by_species import BySpecies, check_shares, shown


def masked_bce(
    logits: Tensor,
    target: Tensor,
    known: Tensor,
    unknown_weight: BySpecies = 0.0,
    smoothing: BySpecies = 0.0,
) -> CellLoss:
    """Binary cross-entropy over the labelled species (`known` above 0).

    Args:
        logits: (batch, species), unbounded.
        target: (batch, species) in [0, 1]; where `known` is 0 it has no influence, NaN included.
        known: (batch, species) in [0, 1]; 0 takes a species out of that example's loss, a fraction
            lets it count that much.
        unknown_weight: in [0, 1], how much the unknown part of a cell counts as absent: 0 is
            the masked loss, 1 plain cross-entropy; see `assume_absent`, which is exact here. One
            number, or one for each species.
        smoothing: in [0, 1], the target of what is assumed absent; one number, or one for each
            species.

    Returns:
        (batch, species) cross-entropy of each cell, in at least float32, and its weight
        `known + unknown_weight * (1 - known)`. A cell of weight 0 has the value of an absent one.

    Raises:
        ValueError: if a setting lies outside [0, 1], or the shapes differ.

    Source: Zhong et al. (2020), doi:10.1016/j.apacoust.2020.107375.
    """
    labels = assume_absent(target, known, unknown_weight, smoothing)
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    value = F.binary_cross_entropy_with_logits(
        logits, labels.target.to(logits.dtype), reduction="none"
    )
    return CellLoss(value=value, weight=labels.known.to(logits.dtype))


class MaskedBCE(nn.Module):
    """`masked_bce` of the clips.

    Args:
        unknown_weight: in [0, 1], see `masked_bce`.
        smoothing: in [0, 1], see `masked_bce`.

    Raises:
        ValueError: if a setting lies outside [0, 1]; in `forward`, if the shapes differ.
    """

    def __init__(self, unknown_weight: BySpecies = 0.0, smoothing: BySpecies = 0.0) -> None:
        super().__init__()
        check_shares("unknown_weight", unknown_weight)
        check_shares("smoothing", smoothing)
        self.unknown_weight = unknown_weight
        self.smoothing = smoothing

    def forward(self, logits: Logits, labels: CropLabels) -> CellLoss:
        """The cells' losses.

        Args:
            logits: of which `clip` (batch, species) is used.
            labels: of which `clip` (batch, species) is used.

        Returns:
            (batch, species) values and weights.
        """
        return masked_bce(logits.clip, *labels.clip, self.unknown_weight, self.smoothing)

    def extra_repr(self) -> str:
        """The settings, for `repr`."""
        return f"unknown_weight={shown(self.unknown_weight)}, smoothing={shown(self.smoothing)}"
