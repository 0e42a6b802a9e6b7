"""Bands of a spectrogram, cut out and stretched to one size, or masked: tensor products only."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor


def interpolation(low: Tensor, high: Tensor, size: int, total: int) -> Tensor:
    """The weights that stretch parts of an axis to one size.

    A part's points lie evenly between the centres of its first and last pixel. Where it is longer
    than `size`, each is the mean of as many linear interpolations as keep them no more than a pixel
    apart.

    Args:
        low: (parts,) int64, first pixel of each part, on the CPU.
        high: (parts,) int64, pixel behind its last, at least `low + 2`.
        size: points of each part.
        total: pixels of the axis, at least the highest `high`.

    Returns:
        (parts, size, total) float32; rows sum to 1, and are 0 outside their part.

    Source: ROI align, He et al. (2017), arXiv:1703.06870, with as many samples as torchvision takes
    by default. Linear interpolation in two dimensions is separable, so that a product for each axis
    gives its values; unlike its gradient, theirs is deterministic on CUDA.
    """
    weights = np.zeros((len(low), size, total))
    point = np.arange(size)
    for part, (first, behind) in enumerate(zip(low.tolist(), high.tolist(), strict=True)):
        length = behind - 1 - first
        samples = max(1, math.ceil(length / size))
        for sample in range(samples):
            place = first + (point * samples + sample + 0.5) * length / (size * samples)
            pixel = np.minimum(place.astype(int), behind - 2)
            weights[part, point, pixel] += (1 - place + pixel) / samples
            weights[part, point, pixel + 1] += (place - pixel) / samples
    return torch.from_numpy(weights).float()


def placed(weights: Tensor, classes: Tensor, start: Tensor, total: int) -> Tensor:
    """Weights of `interpolation` for parts that begin anywhere on a longer axis.

    Args:
        weights: (classes, longest, width), of parts that begin at 0, transposed.
        classes: (..., crops) int64.
        start: (..., crops) int64, first pixel of each.
        total: pixels of the axis.

    Returns:
        (..., total, crops, width)
    """
    longest, width = weights.shape[1:]
    # One row of zeros more, for the pixels outside: whole rows are copied faster than values.
    rows = torch.cat([weights.flatten(0, 1), weights.new_zeros(1, width)])
    pixel = torch.arange(total, device=weights.device)[:, None] - start.unsqueeze(-2)
    inside = (pixel >= 0) & (pixel < longest)  # (..., total, crops)
    row = torch.where(inside, classes.unsqueeze(-2) * longest + pixel, len(rows) - 1)
    return rows.index_select(0, row.flatten()).view(*row.shape, width)


def crop_bands(spectrogram: Tensor, bands: Tensor, times: Tensor) -> Tensor:
    """Bands of spectrograms over a stretch of time, all stretched to one size.

    Computed in float32 also under autocast.

    Args:
        spectrogram: (batch, channels, mels, frames).
        bands: (batch, crops, height, mels) or, the same for all, (crops, height, mels); see
            `interpolation`.
        times: (batch, frames, crops, width) or (frames, crops, width); see `placed`.

    Returns:
        (batch, crops, channels, height, width). What lies outside a cut has no influence: the
        interpolation takes points between the centres of its own pixels only.
    """
    crops, width = times.shape[-2:]
    right = times.flatten(-2)  # (..., frames, crops * width)
    with torch.autocast(spectrogram.device.type, enabled=False):
        columns = spectrogram.float() @ (right if right.ndim == 2 else right.unsqueeze(1))
        columns = columns.unflatten(-1, (crops, width)).movedim(-2, 1)
        return bands.unsqueeze(-3) @ columns  # (batch, crops, channels, height, width)


def mask_bands(spectrogram: Tensor, low: Tensor, high: Tensor, edge: int) -> Tensor:
    """Spectrograms that are 0 outside a band, with soft edges inside it.

    Args:
        spectrogram: (..., channels, mels, frames), normalised, so that 0 is its mean.
        low: (...) first mel.
        high: (...) mel behind the last.
        edge: mels over which the band fades in, at each end, as a raised cosine.

    Returns:
        The shape of the spectrogram, with the leading dimensions broadcast.
    """
    middle = torch.arange(spectrogram.shape[-2], device=spectrogram.device) + 0.5
    depth = torch.minimum(middle - low[..., None], high[..., None] - middle)  # (..., mels)
    weight = 0.5 - 0.5 * torch.cos(math.pi * (depth / edge).clamp(0, 1))
    return spectrogram * weight[..., None, :, None]
