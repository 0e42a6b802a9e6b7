"""Self-paced loss correction: unknown cells of high score count as present."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (torch's own abbreviation)

from rfcx_audio.batch import CellLoss, CropLabels, Logits
from rfcx_audio.loss.by_species import BySpecies, shown
from rfcx_audio.loss.ramp import Ramp, value_now
from rfcx_audio.loss.unknown_cells import exact, known_and_unknown


def splc(
    logits: Tensor,
    target: Tensor,
    known: Tensor,
    threshold: float = 0.6,
    unknown_weight: BySpecies = 1.0,
) -> CellLoss:
    """Cross-entropy; an unknown cell whose score exceeds the threshold counts as present.

    Args:
        logits: (batch, species), unbounded.
        target: (batch, species) in [0, 1]; where `known` is 0 it has no influence, NaN included.
        known: (batch, species) in [0, 1].
        threshold: the paper's tau; at 1 or above, all unknown cells count as absent.
        unknown_weight: in [0, 1], of unknown cells, for all species or for each.

    Returns:
        (batch, species) values and weights.

    Raises:
        ValueError: `unknown_weight` is out of range, or the shapes differ.

    Source: Zhang et al. (2021), arXiv:2112.07368, without the focal margin that they add to
    presences.
    """
    logits = exact(logits)
    detected = (logits.detach().sigmoid() > threshold).to(logits.dtype)
    unknown_loss = F.binary_cross_entropy_with_logits(logits, detected, reduction="none")
    return known_and_unknown(logits, target, known, unknown_loss, unknown_weight)


class SPLC(nn.Module):
    """`splc` of the clips.

    Args:
        threshold: see `splc`. A `Ramp` that begins at 1 is the warm-up, in which nothing is
            corrected.
        unknown_weight: in [0, 1], see `splc`.

    Raises:
        ValueError: in `forward`, if `unknown_weight` is out of range, or the shapes differ.
    """

    def __init__(self, threshold: float | Ramp = 0.6, unknown_weight: BySpecies = 1.0) -> None:
        super().__init__()
        self.threshold = threshold
        self.unknown_weight = unknown_weight

    def forward(self, logits: Logits, labels: CropLabels) -> CellLoss:
        """The cells' losses.

        Args:
            logits: of which `clip` (batch, species) is used.
            labels: of which `clip` (batch, species) is used.

        Returns:
            (batch, species) values and weights.
        """
        return splc(logits.clip, *labels.clip, value_now(self.threshold), self.unknown_weight)

    def extra_repr(self) -> str:
        """The settings, for `repr`; a ramp shows itself."""
        threshold = "" if isinstance(self.threshold, Ramp) else f"threshold={self.threshold:g}, "
        return f"{threshold}unknown_weight={shown(self.unknown_weight)}"
