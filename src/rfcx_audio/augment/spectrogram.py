"""Augmentations of the log-mel spectrogram."""

from __future__ import annotations

import torch
from torch import Tensor

from rfcx_audio.augment.chain import chosen, uniform
from rfcx_audio.batch import Labels


class Mask:
    """Covers one random stripe of each example with its mean (SpecAugment).

    Args:
        axis: `time` covers frames, `frequency` covers mel bands.
        max_share: largest width of the stripe, as a share of the axis, in [0, 1].
        probability: that an example is changed.

    Source: Park et al. (2019), arXiv:1904.08779; widths here are shares, not counts.
    """

    def __init__(self, axis: str, max_share: float = 0.1, probability: float = 0.5) -> None:
        if axis not in ("time", "frequency"):
            raise ValueError(f"axis = {axis!r}; expected 'time' or 'frequency'")
        self.axis = axis
        self.max_share = max_share
        self.probability = probability

    def __call__(
        self, signal: Tensor, labels: Labels, generator: torch.Generator
    ) -> tuple[Tensor, Labels]:
        """(batch, channels, mels, frames) -> the same; labels as they are."""
        size = signal.shape[-1] if self.axis == "time" else signal.shape[-2]
        widest = int(self.max_share * size)
        width = uniform((len(signal), 1), 0, widest + 1, signal, generator).floor()
        unit = uniform((len(signal), 1), 0, 1, signal, generator)
        start = (unit * (size - width + 1)).floor()
        place = torch.arange(size, device=signal.device)
        covered = (place >= start) & (place < start + width)  # (batch, size)
        covered &= chosen(self.probability, signal, generator)[:, None]
        covered = covered[:, None, None, :] if self.axis == "time" else covered[:, None, :, None]
        mean = signal.mean(dim=(-2, -1), keepdim=True)
        return torch.where(covered, mean, signal), labels
