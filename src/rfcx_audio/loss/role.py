"""Regularised online label estimation: a table of labels that is learned with the network."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (torch's own abbreviation)

from rfcx_audio.batch import MIXED_BACKGROUND, CellLoss, CropLabels, Logits
from rfcx_audio.loss.epr import count_penalty
from rfcx_audio.loss.row_table import RowTable, in_any, rows_of_crops
from rfcx_audio.loss.unknown_cells import exact, known_and_unknown

_MAX_LOGIT = 30.0  # of a label; beyond it the slope of its logarithm would be 0 / 0


def role(
    logits: Tensor,
    target: Tensor,
    known: Tensor,
    estimate: Tensor,
    rowless: Tensor,
    expected: float,
) -> CellLoss:
    """The network's half: the target of an unknown cell is its estimated label.

    Beside this cross-entropy, every unknown cell costs `count_penalty`, as in `epr`.

    Args:
        logits: (batch, species), unbounded.
        target: (batch, species) in [0, 1]; where `known` is 0 it has no influence, NaN included.
        known: (batch, species) in [0, 1].
        estimate: (batch, species) in [0, 1]; receives no gradient.
        rowless: (batch,) bool, crops without an estimate; they have the penalty only.
        expected: number of species in a crop, known ones included; in [0, species].

    Returns:
        (batch, species) values and weights.

    Source: Cole et al. (2021), arXiv:2106.09708.
    """
    logits = exact(logits)
    agreement = F.binary_cross_entropy_with_logits(
        logits, estimate.detach().to(logits.dtype), reduction="none"
    )
    penalty = count_penalty(logits.sigmoid(), target, known, expected)
    unknown_loss = torch.where(rowless[:, None], 0, agreement) + penalty
    return known_and_unknown(logits, target, known, unknown_loss)


def estimate_step(
    estimates: Tensor,
    rows: Tensor,
    scores: Tensor,
    target: Tensor,
    known: Tensor,
    expected: float,
    rate: float,
) -> Tensor:
    """The table's half: a gradient step of the estimated labels towards the network's scores.

    It lowers, over the unknown cells of crops that have a row, the cross-entropy of the estimates
    with the scores, plus `count_penalty` of the estimates for every cell.

    Args:
        estimates: (batch, rows, species), logits of the labels of each crop's rows.
        rows: (batch, rows), -1 where there is none. A mixture holds a species where any of its
            rows does, see `in_any`.
        scores: (batch, species) in [0, 1], of the network, without gradient.
        target: (batch, species), see `role`.
        known: (batch, species), see `role`.
        expected: species in a crop.
        rate: length of the step.

    Returns:
        (batch, rows, species), new logits.
    """
    is_row = rows >= 0
    has_row = is_row.any(1, keepdim=True).to(estimates.dtype)  # (batch, 1)
    with torch.enable_grad():
        leaf = estimates.detach().clone().requires_grad_()
        # ln(1 - label), and the label and its logarithm from it, so that none of them rounds to 0.
        # A crop without a row has a label of one half, and no weight.
        log_not = -(F.softplus(leaf) * is_row[..., None]).sum(1)
        log_not = torch.where(has_row > 0, log_not, -math.log(2))
        label = -torch.expm1(log_not)
        cross = -(scores * label.log() + (1 - scores) * log_not)
        known = known.to(leaf.dtype)
        cells = has_row.sum() * label.shape[1]
        penalty = cells * count_penalty(label, target, known, expected, has_row[:, 0])
        (slope,) = torch.autograd.grad((has_row * (1 - known) * cross).sum() + penalty, leaf)
    return (leaf - rate * slope).detach().clamp(-_MAX_LOGIT, _MAX_LOGIT)


class ROLE(nn.Module):
    """`role` of the clips, with a table of estimated labels, one row for each training row.

    The label of a crop is that of the row that it was cut around. All labels begin at the expected
    number of species over all species.

    Args:
        expected: number of species in a crop after augmentation; above 0, and below the number of
            all species.
        rate: of the table's steps, see `estimate_step`; 0 leaves it as it begins.

    Raises:
        ValueError: in `forward`, if a setting is out of range, the shapes differ, or the
            crops come without rows.

    Source: Cole et al. (2021), arXiv:2106.09708, whose table is moved by the network's optimizer,
    from labels of about one half, and in which known presences have estimates too.
    """

    def __init__(self, expected: float = 3.0, rate: float = 1.0) -> None:
        super().__init__()
        self.expected = expected
        self.rate = rate
        self.estimates = RowTable()

    def forward(self, logits: Logits, labels: CropLabels) -> CellLoss:
        """The cells' losses.

        Args:
            logits: of which `clip` (batch, species) is used.
            labels: of which `clip` (batch, species) and `rows` are used.

        Returns:
            (batch, species) values and weights.
        """
        species = logits.clip.shape[1]
        if not 0 < self.expected < species:
            raise ValueError(
                f"expected is {self.expected}; it must lie between 0 and {species}, the number of "
                f"species"
            )
        rows = rows_of_crops(labels, self.estimates)
        first = math.log(self.expected / (species - self.expected))
        estimates = first + self.estimates.read(rows)  # (batch, rows, species)
        scores = exact(logits.clip.detach()).sigmoid()
        new = estimate_step(estimates, rows, scores, *labels.clip, self.expected, self.rate)
        # A species of a mixture with background may be of neither row.
        in_mixture = (rows == MIXED_BACKGROUND).any(1, keepdim=True)
        self.estimates.write(
            torch.where(in_mixture, -1, rows).flatten(), (new - first).flatten(0, 1)
        )
        label = in_any(estimates.sigmoid(), rows)
        rowless = (rows < 0).all(1)
        return role(logits.clip, *labels.clip, label, rowless, self.expected)

    def extra_repr(self) -> str:
        """The settings, for `repr`."""
        return f"expected={self.expected:g}, rate={self.rate:g}"
