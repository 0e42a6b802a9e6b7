"""Small encoders: networks with weights of their own as files, and plain arithmetic."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from rfcx_audio.encoders import FeatureEncoder
from rfcx_audio.encoders.weights_file import WeightsFileEncoder

RATE, SAMPLES, WIDTH = 1_000, 250, 6
"""Of the sound that `Tiny` takes, and of its features."""


class Tiny(nn.Module):
    """Waveforms (batch, samples) to features (batch, 6), by way of an inner layer of 4."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(1, 4, 25, stride=5)
        self.linear = nn.Linear(4, WIDTH)

    def inner(self, waveform: Tensor) -> Tensor:
        return self.convolution(waveform[:, None]).relu().mean(2)

    def forward(self, waveform: Tensor) -> Tensor:
        return self.linear(self.inner(waveform)).tanh()


class Halves(nn.Module):
    """Windows in two halves, scaled; dropout is off in evaluation only."""

    def __init__(self, factor: float, by_half: bool = False) -> None:
        super().__init__()
        self.factor = factor
        self.by_half = by_half
        self.dropout = nn.Dropout(0.5)

    def forward(self, waveform: Tensor) -> Tensor:
        halves = self.dropout(waveform.unflatten(1, (2, -1))) * self.factor
        return halves if self.by_half else halves.mean(2)


def sound_rate() -> int:
    return RATE


def tiny(seed: int = 3) -> Tiny:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Tiny().eval()


def write_onnx(
    path: Path, network: nn.Module, *, batch: int | None = None, outputs: tuple[str, ...] = ("out",)
) -> Path:
    """An ONNX file with the input `sound`; of any batch unless one is given."""
    example = torch.zeros(batch or 2, SAMPLES)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter's own packages
        torch.onnx.export(
            network,
            (example,),
            path,
            input_names=["sound"],
            output_names=list(outputs),
            dynamic_shapes=None if batch else ({0: torch.export.Dim("batch")},),
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    return path


def sound(count: int, seed: int = 0) -> Tensor:
    """Windows (count, samples) of noise."""
    return 0.3 * torch.randn(count, SAMPLES, generator=torch.Generator().manual_seed(seed))


class Bands(WeightsFileEncoder):
    """Mean amplitudes of as many parts of a window as the file has lines."""

    def compute(self, windows: np.ndarray) -> np.ndarray:
        parts = np.array_split(windows, len(self.path.read_text().splitlines()), axis=1)
        return np.stack([np.abs(part).mean(1) for part in parts], 1, dtype=np.float32)


class Levels(FeatureEncoder):
    """Mean, and largest and smallest sample, of windows of 4 samples at 2 Hz."""

    sample_rate, window_samples, num_features, sha256 = 2, 4, 3, "0" * 64

    def __init__(self, offset: float = 0.0) -> None:
        super().__init__({"offset": offset})

    def features(self, waveform: Tensor) -> Tensor:
        found = [waveform.mean(1), waveform.amax(1), waveform.amin(1)]
        return torch.stack(found, 1) + self.settings["offset"]
