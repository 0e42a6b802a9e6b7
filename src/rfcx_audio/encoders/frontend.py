"""A pretrained encoder in the place of a spectrogram: features by time."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from rfcx_audio.encoders.contract import FeatureEncoder

_WINDOWS_AT_ONCE = 32


class EncoderFrontend(nn.Module):
    """Features of windows that follow one another, as an image: a column for each window.

    What follows from a front end then follows from an encoder too: crops, sliding windows, blocks
    of long recordings, and a network on top. The end of a waveform that fills no whole window is
    padded with silence, so that all of it is in some window.

    Args:
        encoder: of the windows.
        hop_s: from the start of one window to that of the next, in s, above 0.
        gain_db: by which the sound is amplified first.

    Attributes:
        channels: 1.
        n_mels: features of a window; they have no frequency.
        n_fft: samples of a window.
        hop_length: samples from one window to the next.
        f_min: 0 Hz.
        f_max: Hz, half the sample rate.
        center: False: the first window begins with the waveform.

    Raises:
        ValueError: `hop_s` is not above 0.
    """

    window: Tensor
    channels = 1
    center = False
    f_min = 0.0

    def __init__(self, encoder: FeatureEncoder, hop_s: float, gain_db: float = 0.0) -> None:
        super().__init__()
        if hop_s <= 0:
            raise ValueError(f"hop_s = {hop_s}; expected seconds above 0")
        self.encoder = encoder
        self.gain_db = gain_db
        self.sample_rate = encoder.sample_rate
        self.hop_length = max(1, round(hop_s * encoder.sample_rate))
        self.n_fft = encoder.window_samples
        self.f_max = encoder.sample_rate / 2
        self.register_buffer("window", torch.zeros(0), persistent=False)  # shows the device

    @property
    def n_mels(self) -> int:
        """Features of a window."""
        return self.encoder.num_features

    @property
    def hop_s(self) -> float:
        """Seconds from one window to the next."""
        return self.hop_length / self.sample_rate

    def num_frames(self, num_samples: int) -> int:
        """The number of windows that a waveform gives; at least 1."""
        return 1 + -(-max(0, num_samples - self.n_fft) // self.hop_length)

    def bands_of(self, frequencies_hz: Tensor) -> Tensor:
        """Where frequencies lie among the features: nowhere, so all of them are meant.

        Returns:
            0 for 0 Hz, else `n_mels`.
        """
        return torch.where(frequencies_hz > 0, float(self.n_mels), 0.0)

    def forward(self, waveform: Tensor) -> Tensor:
        """The features of the windows of each waveform.

        Args:
            waveform: (batch, samples) of any floating type, in about [-1, 1].

        Returns:
            (batch, 1, features, windows) float32.
        """
        batch, samples = waveform.shape
        count = self.num_frames(samples)
        missing = (count - 1) * self.hop_length + self.n_fft - samples
        gain = 10 ** (self.gain_db / 20)
        padded = functional.pad(waveform.float() * gain, (0, missing))
        windows = padded.unfold(1, self.n_fft, self.hop_length).flatten(0, 1)  # a view
        with torch.autocast(waveform.device.type, enabled=False):
            parts = [self.encoder(part.contiguous()) for part in windows.split(_WINDOWS_AT_ONCE)]
        features = torch.cat(parts) if parts else windows.new_zeros(0, self.n_mels)
        return features.view(batch, count, features.shape[1]).transpose(1, 2).unsqueeze(1)

    def settings(self) -> dict[str, Any]:
        """Everything that the features depend on beside the waveform, as plain JSON."""
        return {
            "encoder": self.encoder.described(),
            "hop_s": self.hop_s,
            "gain_db": self.gain_db,
        }

    def extra_repr(self) -> str:
        """The settings, for `repr`."""
        return f"hop_s={self.hop_s:g}, gain_db={self.gain_db:g}"
