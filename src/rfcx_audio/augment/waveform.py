"""Augmentations of the waveform."""

from __future__ import annotations

import torch
from torch import Tensor

from rfcx_audio.augment.chain import chosen, uniform
from rfcx_audio.batch import Labels


class Gain:
    """Makes a crop louder or quieter.

    Args:
        min_db: lowest gain.
        max_db: highest gain.
        probability: that an example is changed.
    """

    def __init__(self, min_db: float = -6.0, max_db: float = 6.0, probability: float = 0.5) -> None:
        self.min_db = min_db
        self.max_db = max_db
        self.probability = probability

    def __call__(
        self, signal: Tensor, labels: Labels, generator: torch.Generator
    ) -> tuple[Tensor, Labels]:
        """(batch, samples) -> the same; labels as they are."""
        gain_db = uniform((len(signal), 1), self.min_db, self.max_db, signal, generator)
        gain = torch.pow(10.0, gain_db / 20)
        which = chosen(self.probability, signal, generator)[:, None]
        return torch.where(which, signal * gain, signal), labels
