"""Counting along the last dimension who scores more than whom, ties included."""

from __future__ import annotations

import torch
from torch import Tensor


def above(scores: Tensor, among: Tensor) -> Tensor:
    """For each score, how many of the chosen ones are strictly higher.

    Args:
        scores: (..., n), without NaN.
        among: (..., n) bool, which are counted.

    Returns:
        (..., n) int64.
    """
    return scores.shape[-1] - torch.searchsorted(
        _chosen(scores, among), scores.contiguous(), right=True
    )


def at_least(scores: Tensor, among: Tensor) -> Tensor:
    """For each score, how many of the chosen ones are as high or higher: its worst rank.

    Args:
        scores: (..., n), without NaN.
        among: (..., n) bool, which are counted.

    Returns:
        (..., n) int64.
    """
    counts = scores.shape[-1] - torch.searchsorted(_chosen(scores, among), scores.contiguous())
    return counts.minimum(among.sum(-1, keepdim=True))  # where a score itself is -inf


def precision_at(scores: Tensor, present: Tensor, absent: Tensor) -> Tensor:
    """The share of present cells among the known ones that score as high as each present cell.

    Args:
        scores: (..., n), without NaN.
        present: (..., n) bool.
        absent: (..., n) bool; what is neither is left out of the ranking.

    Returns:
        (..., n) float64 in (0, 1] where `present`, and 0 elsewhere.
    """
    hits, misses = at_least(scores, present), at_least(scores, absent)
    return torch.where(present, hits.double() / (hits + misses).clamp(min=1), 0)


def _chosen(scores: Tensor, among: Tensor) -> Tensor:
    """Sorted upwards, with the others at minus infinity."""
    return torch.where(among, scores, -torch.inf).sort(-1).values.contiguous()
