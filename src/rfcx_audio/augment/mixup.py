"""Mixtures of two crops, and what is known of them."""

from __future__ import annotations

import torch
from torch import Tensor

from rfcx_audio.augment.chain import chosen
from rfcx_audio.batch import Labels


def union(first: Labels, second: Labels) -> Labels:
    """What is known of a mixture in which both crops are heard.

    A species is present as surely as in the crop where it is more surely present. It is absent only
    if it is known to be absent from both, as surely as from the less sure one. Else it is unknown.

    Args:
        first: (..., species) twice.
        second: the same shapes.

    Returns:
        The same shapes. For a cell that is partly both, `known` is the sum of the two weights, at
        most 1, and `target` the share of presence in it.
    """
    present = torch.maximum(first.known * first.target, second.known * second.target)
    absent = torch.minimum(first.known * (1 - first.target), second.known * (1 - second.target))
    known = (present + absent).clamp(max=1.0)
    target = torch.where(present > 0, present / (present + absent).clamp(min=1e-12), 0.0)
    return Labels(target, known)


class WaveformMixup:
    """Adds another crop of the batch to a crop, as two choruses sound at once.

    Args:
        probability: that an example is changed.

    Source: Zhang et al. (2018), arXiv:1710.09412, with a plain sum in the place of a convex
    combination, and labels joined so that nothing unknown becomes absent (`union`).
    """

    def __init__(self, probability: float = 0.5) -> None:
        self.probability = probability

    def __call__(
        self, signal: Tensor, labels: Labels, generator: torch.Generator
    ) -> tuple[Tensor, Labels]:
        """(batch, samples) -> the same; labels of the mixtures."""
        other = torch.randperm(len(signal), device=signal.device, generator=generator)
        which = chosen(self.probability, signal, generator)[:, None]
        mixed = union(labels, Labels(labels.target[other], labels.known[other]))
        return torch.where(which, signal + signal[other], signal), Labels(
            torch.where(which, mixed.target, labels.target),
            torch.where(which, mixed.known, labels.known),
        )
