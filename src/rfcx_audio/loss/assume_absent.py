"""Labels in which unknown species count as absent, with a weight."""

from __future__ import annotations

import torch
from torch import Tensor

from rfcx_audio.batch import Labels
from rfcx_audio.loss.by_species import BySpecies, by_species


def assume_absent(
    target: Tensor, known: Tensor, unknown_weight: BySpecies = 0.0, smoothing: BySpecies = 0.0
) -> Labels:
    """Labels in which the unknown part of a cell counts as absent, with a weight of its own.

    Let a cell have the target t, known with weight k: 1 for an annotation row, 0.5 for a
    pseudo-label, 0 without any label. The remaining 1 - k counts as absent with weight u (1 - k),
    u = `unknown_weight`; its target is s = `smoothing` rather than 0. For a loss that is linear in
    the target, as cross-entropy is, both parts together are exactly one cell of

        weight  w = k + u (1 - k)
        target  y = (k t + u (1 - k) s) / w, or 0 where w = 0.

    Args:
        target: (..., species) in [0, 1]; where `known` is 0 it has no influence, NaN included.
        known: (..., species) in [0, 1].
        unknown_weight: in [0, 1], for all species or for each. 0 leaves unknown species out, 1
            counts them as absent.
        smoothing: in [0, 1], for all species or for each.

    Returns:
        The target y, and the weight w as its `known`; both finite.

    Raises:
        ValueError: if a setting lies outside [0, 1], or the shapes differ.

    Source: Cole et al. (2021), arXiv:2106.09708: a weight of 1/(species - 1) is their "weak assumed
    negatives", a smoothing of 0.05 their "assumed negatives with label smoothing", which smooth
    presences too; here what is known stays as it is.
    """
    if target.shape != known.shape:
        raise ValueError(
            f"target {tuple(target.shape)} and known {tuple(known.shape)} must have one shape"
        )
    assumed = by_species("unknown_weight", unknown_weight, known) * (1 - known)
    weight = known + assumed
    present = torch.where(known > 0, target, 0) * known
    present = present + assumed * by_species("smoothing", smoothing, known)
    return Labels(target=present / torch.where(weight > 0, weight, 1), known=weight)
