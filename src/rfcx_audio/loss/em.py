"""Entropy maximisation: the scores of unknown cells are kept from 0 and 1."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (torch's own abbreviation)

from rfcx_audio.batch import MIXED_BACKGROUND, CellLoss, CropLabels, Logits
from rfcx_audio.loss.ramp import Ramp, value_now
from rfcx_audio.loss.row_table import RowTable, only_row, rows_of_crops
from rfcx_audio.loss.unknown_cells import exact, known_and_unknown


def em(
    logits: Tensor,
    target: Tensor,
    known: Tensor,
    alpha: float = 0.1,
    pseudo: Tensor | None = None,
    beta: float = 0.1,
) -> CellLoss:
    """Cross-entropy of known cells minus the entropy of unknown ones.

    An unknown cell of score p has the weight alpha and the value -H(p), the negative entropy
    p ln p + (1 - p) ln(1 - p). One with a pseudo-label has the weight beta, and for a value the
    cross-entropy with it.

    Args:
        logits: (batch, species), unbounded.
        target: (batch, species) in [0, 1]; where `known` is 0 it has no influence, NaN included.
        known: (batch, species) in [0, 1].
        alpha: at least 0; 0 without pseudo-labels is `masked_bce`.
        pseudo: (batch, species) in [0, 1], NaN where there is no pseudo-label; None for none.
        beta: at least 0.

    Returns:
        (batch, species) values and weights.

    Raises:
        ValueError: `alpha` or `beta` is negative, or the shapes differ.

    Source: Zhou et al. (2022), arXiv:2203.16219, with alpha and beta as weights, which only makes a
    difference to reductions that divide by the weights' sum.
    """
    if alpha < 0 or beta < 0:
        raise ValueError(f"alpha ({alpha}) and beta ({beta}) must be at least 0")
    logits = exact(logits)
    entropy = F.binary_cross_entropy_with_logits(logits, logits.sigmoid(), reduction="none")
    if pseudo is None:
        return known_and_unknown(logits, target, known, -entropy, torch.full_like(entropy, alpha))
    labelled = ~pseudo.isnan()
    soft = torch.where(labelled, pseudo, 0).to(logits.dtype)
    agreement = F.binary_cross_entropy_with_logits(logits, soft, reduction="none")
    weight = torch.where(labelled, beta, torch.full_like(logits, alpha))
    unknown_loss = torch.where(labelled, agreement, -entropy)
    return known_and_unknown(logits, target, known, unknown_loss, weight)


def least_likely(scores: Tensor, seen: Tensor, share: float) -> Tensor:
    """Which scores lie among the lowest of their species.

    Args:
        scores: (batch, species).
        seen: (rows, species), the scores that are compared with, NaN where there is none.
        share: in [0, 1], of those.

    Returns:
        (batch, species) bool; nowhere where the share is 0, or a species has no score to compare.

    Raises:
        ValueError: `share` lies outside [0, 1].
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share is {share}; it must lie in [0, 1]")
    if share == 0:
        return torch.zeros_like(scores, dtype=torch.bool)
    return scores <= seen.nanquantile(share, dim=0)


class EM(nn.Module):
    """`em` of the clips, with asymmetric pseudo-labels where `share` asks for them.

    Pseudo-labels are soft absences: for each species, they go to the training rows with the lowest
    scores, and their value is the score at that time, which then stays. There are none for
    presences. A mixture has a pseudo-label where all its crops have one, the highest of theirs;
    background has none.

    Args:
        alpha: at least 0, weight of the entropy.
        share: in [0, 1], of the rows of each species that get a pseudo-label; a `Ramp` to
            begin later and raise it. 0 is entropy maximisation alone, without a table of rows.
        beta: at least 0, weight of the pseudo-labels.

    Raises:
        ValueError: in `forward`, if a setting is out of range, the shapes differ, or the
            crops come without rows.

    Source: Zhou et al. (2022), arXiv:2203.16219. They score all training clips after each epoch and
    label an equal part of the share each time; here a row is compared whenever a crop of it is
    trained on, with the latest scores of the other rows.
    """

    def __init__(self, alpha: float = 0.1, share: float | Ramp = 0.0, beta: float = 0.1) -> None:
        super().__init__()
        self.alpha = alpha
        self.share = share
        self.beta = beta
        labelling = isinstance(share, Ramp) or share > 0
        self.seen = RowTable(torch.nan) if labelling else None
        self.pseudo = RowTable(torch.nan) if labelling else None

    def forward(self, logits: Logits, labels: CropLabels) -> CellLoss:
        """The cells' losses.

        Args:
            logits: of which `clip` (batch, species) is used.
            labels: of which `clip` (batch, species) is used, and `rows` for pseudo-labels.

        Returns:
            (batch, species) values and weights.
        """
        pseudo = None
        if self.seen is not None and self.pseudo is not None:
            rows = rows_of_crops(labels, self.pseudo)
            known = labels.clip.known
            each = torch.where((rows >= 0)[..., None], self.pseudo.read(rows), -torch.inf)
            each = each.masked_fill((rows == MIXED_BACKGROUND)[..., None], torch.nan)
            pseudo = each.amax(1)  # NaN where a crop has none
            pseudo = torch.where(pseudo.isfinite(), pseudo, torch.nan)
            scores = exact(logits.clip.detach()).sigmoid()
            scores = torch.where(known == 0, scores, torch.nan)  # of unknown cells only
            chosen = least_likely(scores, self.seen.values, value_now(self.share))
            only = only_row(rows)
            self.seen.write(only, scores)
            self.pseudo.write(only, torch.where(pseudo.isnan() & chosen, scores, pseudo))
        return em(logits.clip, *labels.clip, self.alpha, pseudo, self.beta)

    def extra_repr(self) -> str:
        """The settings, for `repr`; a ramp shows itself."""
        share = "" if isinstance(self.share, Ramp) else f"share={self.share:g}, "
        return f"alpha={self.alpha:g}, {share}beta={self.beta:g}"
