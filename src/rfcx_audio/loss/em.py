"""Entropy maximisation: of what nobody has said, the network shall not be sure too soon."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (torch's own abbreviation)

from rfcx_audio.batch import CellLoss, CropLabels, Logits
from rfcx_audio.loss.ramp import Ramp, value_now
from rfcx_audio.loss.row_table import RowTable, only_row, rows_of_crops
from rfcx_audio.loss.unsaid import exact, said_and_unsaid


def em(
    logits: Tensor,
    target: Tensor,
    known: Tensor,
    alpha: float = 0.1,
    pseudo: Tensor | None = None,
    beta: float = 0.1,
) -> CellLoss:
    """Cross-entropy of what is known; unknown cells are paid for their entropy.

    An unknown cell weighs alpha and costs -H(p) = p ln p + (1 - p) ln(1 - p), p its score. One that
    has a pseudo-label weighs beta and costs its cross-entropy with it.

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
        return said_and_unsaid(logits, target, known, -entropy, torch.full_like(entropy, alpha))
    labelled = ~pseudo.isnan()
    soft = torch.where(labelled, pseudo, 0).to(logits.dtype)
    agreement = F.binary_cross_entropy_with_logits(logits, soft, reduction="none")
    weight = torch.where(labelled, beta, torch.full_like(logits, alpha))
    unsaid = torch.where(labelled, agreement, -entropy)
    return said_and_unsaid(logits, target, known, unsaid, weight)


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

    Of each species, the training rows that are least likely to hold it are called absent, softly:
    their label is the score that they had when they were chosen, and it stays. No pseudo-label says
    that a species is present. A mixture has one where all its crops have, the most likely of them.

    Args:
        alpha: at least 0, weight of the entropy.
        share: in [0, 1], of the rows of each species that get a pseudo-label; a `Ramp` for a start
            and a pace. 0 is entropy maximisation alone, which remembers nothing.
        beta: at least 0, weight of the pseudo-labels.

    Raises:
        ValueError: in `forward`, if a setting is out of range, the shapes differ, or there are no
            rows to remember.

    Source: Zhou et al. (2022), arXiv:2203.16219. They score all training clips after each epoch and
    label an equal part of the share each time; here a row is compared when a crop of it comes by,
    with the scores that the other rows had when they last did.
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
