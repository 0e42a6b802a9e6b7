"""Steps that change training crops on the device, one after another."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from rfcx_audio.batch import CropLabels


class Step(Protocol):
    """One augmentation: a signal and its labels in, the same shapes out (boxes may be added)."""

    def __call__(
        self, signal: Tensor, labels: CropLabels, generator: torch.Generator
    ) -> tuple[Tensor, CropLabels]:
        """Draws once for every example, from the generator only."""
        ...


class Chain:
    """Named steps in order; no step is the identity.

    Args:
        waveform: steps for (batch, samples), before the front end.
        spectrogram: steps for (batch, channels, mels, frames), behind it.

    Raises:
        ValueError: a step's probability lies outside [0, 1].
    """

    def __init__(
        self,
        waveform: dict[str, Step] | None = None,
        spectrogram: dict[str, Step] | None = None,
    ) -> None:
        self.waveform = waveform or {}
        self.spectrogram = spectrogram or {}
        for name, step in [*self.waveform.items(), *self.spectrogram.items()]:
            probability = getattr(step, "probability", 1.0)
            if not 0 <= probability <= 1:
                raise ValueError(f"probability = {probability} of {name} lies outside [0, 1]")

    def on_waveform(
        self, waveform: Tensor, labels: CropLabels, generator: torch.Generator
    ) -> tuple[Tensor, CropLabels]:
        """The waveform steps, in order; boxes in s and Hz."""
        for step in self.waveform.values():
            waveform, labels = step(waveform, labels, generator)
        return waveform, labels

    def on_spectrogram(
        self, spectrogram: Tensor, labels: CropLabels, generator: torch.Generator
    ) -> tuple[Tensor, CropLabels]:
        """The spectrogram steps, in order; boxes as places on the axes, 0 to 1."""
        for step in self.spectrogram.values():
            spectrogram, labels = step(spectrogram, labels, generator)
        return spectrogram, labels


def uniform(
    shape: tuple[int, ...], low: float, high: float, like: Tensor, generator: torch.Generator
) -> Tensor:
    """Uniform draws on the device of `like`."""
    unit = torch.rand(shape, device=like.device, generator=generator)
    return low + (high - low) * unit


def chosen(probability: float, like: Tensor, generator: torch.Generator) -> Tensor:
    """(batch,) bool: which examples a step applies to."""
    return torch.rand(len(like), device=like.device, generator=generator) < probability


def per_example(values: Tensor, like: Tensor) -> Tensor:
    """(batch,) as (batch, 1, ...), to be used with all of `like` (batch, ...)."""
    return values.view(-1, *[1] * (like.ndim - 1))
