"""How far an unknown species counts as an absent one."""

from __future__ import annotations

import torch
from torch import Tensor

from rfcx_audio.batch import Labels


def assume_absent(target: Tensor, known: Tensor, unknown_weight: float = 0.0) -> Labels:
    """Labels in which what is unknown of a cell says "absent" with a weight of its own.

    A cell known to the share k (1 for a row of the tables, 0.5 for a pseudo-label, 0 for silence)
    says its target t with weight k, and "absent" with weight u (1 - k), u = `unknown_weight`. For
    any loss that is linear in the target, as cross-entropy is, the two are together exactly

        weight  w = k + u (1 - k)
        target  y = k t / w, or 0 where w = 0.

    Args:
        target: (..., species) in [0, 1]; where `known` is 0 it has no influence, NaN included.
        known: (..., species) in [0, 1].
        unknown_weight: in [0, 1]. 0 leaves unknown species out, 1 calls them absent.

    Returns:
        The target y, and the weight w as its `known`; both finite.

    Raises:
        ValueError: if `unknown_weight` lies outside [0, 1], or the shapes differ.

    Source: 1/(species - 1) is "weak assumed negatives" of Cole et al. (2021), arXiv:2106.09708.
    """
    check_unknown_weight(unknown_weight)
    if target.shape != known.shape:
        raise ValueError(
            f"target {tuple(target.shape)} and known {tuple(known.shape)} must have one shape"
        )
    weight = known + unknown_weight * (1 - known)
    said = torch.where(known > 0, target, 0) * known
    return Labels(target=said / torch.where(weight > 0, weight, 1), known=weight)


def check_unknown_weight(unknown_weight: float) -> None:
    """Refuses what is no share.

    Raises:
        ValueError: it lies outside [0, 1].
    """
    if not 0 <= unknown_weight <= 1:
        raise ValueError(f"unknown_weight is {unknown_weight}; it must lie in [0, 1]")
