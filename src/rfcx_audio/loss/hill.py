"""Hill loss: unknown cells count as absent, less so where the score is high."""

from __future__ import annotations

from torch import Tensor, nn

from rfcx_audio.batch import CellLoss, CropLabels, Logits
from rfcx_audio.loss.by_species import BySpecies, shown
from rfcx_audio.loss.unknown_cells import exact, known_and_unknown


def hill(
    logits: Tensor,
    target: Tensor,
    known: Tensor,
    height: float = 1.5,
    unknown_weight: BySpecies = 1.0,
) -> CellLoss:
    """Cross-entropy of what is known; an unknown cell costs (height - p) p^2, p its score.

    With a height of 1.5 the slope in p is 3 p (1 - p): the pull towards absence is strongest at a
    score of 0.5, and vanishes towards 0 and 1.

    Args:
        logits: (batch, species), unbounded.
        target: (batch, species) in [0, 1]; where `known` is 0 it has no influence, NaN included.
        known: (batch, species) in [0, 1].
        height: the paper's lambda; below 1.5, high scores are pulled up, above it, down.
        unknown_weight: in [0, 1], of unknown cells, for all species or for each.

    Returns:
        (batch, species) values and weights.

    Raises:
        ValueError: `unknown_weight` is out of range, or the shapes differ.

    Source: Zhang et al. (2021), arXiv:2112.07368, without the focal margin that they add to
    presences; what is known to be absent keeps its cross-entropy.
    """
    logits = exact(logits)
    score = logits.sigmoid()
    return known_and_unknown(logits, target, known, (height - score) * score**2, unknown_weight)


class Hill(nn.Module):
    """`hill` of the clips.

    Args:
        height: see `hill`.
        unknown_weight: in [0, 1], see `hill`.

    Raises:
        ValueError: in `forward`, if `unknown_weight` is out of range, or the shapes differ.
    """

    def __init__(self, height: float = 1.5, unknown_weight: BySpecies = 1.0) -> None:
        super().__init__()
        self.height = height
        self.unknown_weight = unknown_weight

    def forward(self, logits: Logits, labels: CropLabels) -> CellLoss:
        """The cells' losses.

        Args:
            logits: of which `clip` (batch, species) is used.
            labels: of which `clip` (batch, species) is used.

        Returns:
            (batch, species) values and weights.
        """
        return hill(logits.clip, *labels.clip, self.height, self.unknown_weight)

    def extra_repr(self) -> str:
        """The settings, for `repr`."""
        return f"height={self.height:g}, unknown_weight={shown(self.unknown_weight)}"
