"""A log-mel spectrogram with its movement over time, as an image of three channels."""

from __future__ import annotations

import torch
from torch import Tensor
from torchaudio.functional import compute_deltas

from rfcx_audio.frontend.mel import LogMel


class DeltaLogMel(LogMel):
    """The log-mel spectrogram, its first and its second differences over time.

    Fills the three channels of an encoder that was trained on pictures. Takes the arguments of
    `LogMel`; differences are slopes over five frames (`torchaudio.functional.compute_deltas`).
    """

    channels = 3

    def image(self, mel: Tensor) -> Tensor:
        """The power in mel bands (batch, mels, frames) as (batch, 3, mels, frames)."""
        level = super().image(mel)  # (batch, 1, mels, frames)
        first = compute_deltas(level)
        return torch.cat([level, first, compute_deltas(first)], dim=1)
