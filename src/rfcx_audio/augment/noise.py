"""Noise, on waveforms at a given signal-to-noise ratio and on spectrograms."""

from __future__ import annotations

import torch
from torch import Tensor

from rfcx_audio.augment.chain import chosen, per_example, uniform
from rfcx_audio.batch import CropLabels

_MIN_LEVEL = 1e-10


def add_at_snr(signal: Tensor, noise: Tensor, snr_db: Tensor) -> Tensor:
    """A signal with noise at a ratio of their root mean squares.

    Args:
        signal: (batch, samples); one that is silent stays as it is.
        noise: (batch, samples), at any level.
        snr_db: (batch,) of each example.
    """
    levels = [part.square().mean(1).sqrt() for part in (signal, noise)]
    gain = levels[0] / levels[1].clamp(min=_MIN_LEVEL) * torch.pow(10.0, -snr_db / 20)
    return signal + gain[:, None] * noise


class GaussianNoise:
    """Adds white noise.

    Args:
        min_snr_db: lowest ratio of the crop's root mean square to the noise's.
        max_snr_db: highest ratio.
        probability: that an example is changed.
    """

    def __init__(
        self, min_snr_db: float = 10.0, max_snr_db: float = 30.0, probability: float = 0.5
    ) -> None:
        self.min_snr_db = min_snr_db
        self.max_snr_db = max_snr_db
        self.probability = probability

    def __call__(
        self, signal: Tensor, labels: CropLabels, generator: torch.Generator
    ) -> tuple[Tensor, CropLabels]:
        """(batch, samples) -> the same; labels as they are."""
        snr_db = uniform((len(signal),), self.min_snr_db, self.max_snr_db, signal, generator)
        which = chosen(self.probability, signal, generator)[:, None]
        noisy = add_at_snr(signal, self.noise(signal, generator), snr_db)
        return torch.where(which, noisy, signal), labels

    def noise(self, signal: Tensor, generator: torch.Generator) -> Tensor:
        """Noise of the signal's shape."""
        return torch.randn(signal.shape, device=signal.device, generator=generator)


class PinkNoise(GaussianNoise):
    """Adds noise whose power density falls with the frequency, by 10 dB in a decade, as of wind.

    Takes the arguments of `GaussianNoise`.
    """

    def noise(self, signal: Tensor, generator: torch.Generator) -> Tensor:
        """Noise of the signal's shape, without a constant part."""
        spectrum = torch.fft.rfft(super().noise(signal, generator))
        place = torch.arange(spectrum.shape[1], device=signal.device)
        falling = torch.where(place > 0, place.clamp(min=1).rsqrt(), 0.0)
        return torch.fft.irfft(spectrum * falling, n=signal.shape[1])


class SpectrogramNoise:
    """Adds Gaussian noise to a spectrogram.

    Args:
        std: of the noise, as a share of each channel's own standard deviation.
        probability: that an example is changed.
    """

    def __init__(self, std: float = 0.1, probability: float = 0.5) -> None:
        self.std = std
        self.probability = probability

    def __call__(
        self, signal: Tensor, labels: CropLabels, generator: torch.Generator
    ) -> tuple[Tensor, CropLabels]:
        """(batch, channels, mels, frames) -> the same; labels as they are."""
        noise = torch.randn(signal.shape, device=signal.device, generator=generator)
        level = self.std * signal.std(dim=(-2, -1), keepdim=True)
        which = per_example(chosen(self.probability, signal, generator), signal)
        return torch.where(which, signal + level * noise, signal), labels
