"""Losses of cells that are known in part: cross-entropy, and what a loss makes of the rest."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 (torch's own abbreviation)

from rfcx_audio.batch import CellLoss
from rfcx_audio.loss.by_species import BySpecies, by_species


def exact(logits: Tensor) -> Tensor:
    """Logits in at least float32, in which losses are computed."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def known_and_unknown(
    logits: Tensor,
    target: Tensor,
    known: Tensor,
    unknown_loss: Tensor,
    unknown_weight: BySpecies | Tensor = 1.0,
) -> CellLoss:
    """Cross-entropy of the known part of each cell, and a given loss of the unknown part.

    With k = `known` and u = `unknown_weight`, a cell has the weight k + u (1 - k), and its value is
    the mean of its cross-entropy with the target, weighted by k, and of `unknown_loss`, weighted by
    u (1 - k). Where k is 1, `unknown_loss` has no influence.

    Args:
        logits: (batch, species) in at least float32, see `exact`.
        target: (batch, species) in [0, 1]; where `known` is 0 it has no influence, NaN included.
        known: (batch, species) in [0, 1].
        unknown_loss: (batch, species), the loss of an unknown cell; finite.
        unknown_weight: in [0, 1], for all species or for each, or (batch, species) at least 0.

    Returns:
        (batch, species) values and weights.

    Raises:
        ValueError: `unknown_weight` is out of range, or the shapes differ.
    """
    if not logits.shape == target.shape == known.shape:
        raise ValueError(
            f"logits, target and known must have one shape (batch, species), got "
            f"{tuple(logits.shape)}, {tuple(target.shape)} and {tuple(known.shape)}"
        )
    if not isinstance(unknown_weight, Tensor):
        unknown_weight = by_species("unknown_weight", unknown_weight, logits)
    known = known.to(logits.dtype)
    unknown = unknown_weight * (1 - known)
    weight = known + unknown
    cross_entropy = F.binary_cross_entropy_with_logits(
        logits, torch.where(known > 0, target, 0).to(logits.dtype), reduction="none"
    )
    value = (known * cross_entropy + unknown * unknown_loss) / torch.where(weight > 0, weight, 1)
    return CellLoss(value, weight)


def largest(value: Tensor, among: Tensor, count: int | Tensor) -> Tensor:
    """The cells of largest value.

    Args:
        value: of any shape; used only where `among`.
        among: bool, of the same shape.
        count: how many; a scalar on the device of the others where it depends on their values, so
            that the host need not wait for it.

    Returns:
        Bool of the same shape, True in at most `count` cells. Of equal ones, the first are chosen.
    """
    ranked = torch.where(among, value.detach(), -torch.inf).flatten()
    order = ranked.argsort(descending=True, stable=True)
    place = torch.arange(len(ranked), device=ranked.device)
    rank = torch.empty_like(place).scatter(0, order, place)
    return (rank < count).view_as(among) & among
