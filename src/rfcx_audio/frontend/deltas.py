"""A log-mel spectrogram with its movement over time, as an image of three channels."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from rfcx_audio.frontend.mel import LogMel


def slopes(level: Tensor) -> Tensor:
    """The slope of the straight line through each value and its two neighbours on either side.

    `torchaudio.functional.compute_deltas` is the same, but makes a convolution with as many groups
    as there are bands in the batch, which no exported graph can hold for batches of any size.

    Args:
        level: (batch, mels, frames); the first and the last frame go on beyond the ends.

    Returns:
        Of the same shape, per frame.
    """
    padded = functional.pad(level, (2, 2), mode="replicate")
    frames = level.shape[-1]
    first, second, _, fourth, fifth = (padded[..., k : k + frames] for k in range(5))
    return (2 * (fifth - first) + (fourth - second)) / 10


class DeltaLogMel(LogMel):
    """The log-mel spectrogram, its first and its second differences over time.

    Fills the three channels of an encoder that was trained on pictures. Takes the arguments of
    `LogMel`; differences are `slopes` over five frames.
    """

    channels = 3

    def image(self, mel: Tensor) -> Tensor:
        """The power in mel bands (batch, mels, frames) as (batch, 3, mels, frames)."""
        level = self.level(mel)  # (batch, mels, frames)
        first = slopes(level)
        return torch.stack([level, first, slopes(first)], dim=1)
