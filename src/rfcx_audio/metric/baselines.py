"""Scores that detect nothing, or next to nothing, to be printed beside every result."""

from __future__ import annotations

import torch
from torch import Generator, Tensor


def prior_scores(target: Tensor) -> Tensor:
    """The same ranking for every recording: each species' prevalence in the truth itself.

    Args:
        target: (recordings, species) in [0, 1], complete truth; at least one recording.

    Returns:
        (recordings, species) float32 in [0, 1]. Its LWLRAP is about 0.72 on the real test set.

    Raises:
        ValueError: if there is no recording.
    """
    if len(target) == 0:
        raise ValueError("no recording to take the prevalence from")
    return target.float().mean(0).expand(target.shape)


def random_scores(n: int, species: int, generator: Generator | None = None) -> Tensor:
    """Scores drawn evenly from [0, 1).

    Args:
        n: number of recordings.
        species: number of species.
        generator: to draw from.

    Returns:
        (n, species) float32. Their LWLRAP is about 0.26 on the real test set.
    """
    return torch.rand(n, species, generator=generator)


def shuffled(scores: Tensor, generator: Generator | None = None) -> Tensor:
    """The same rows for other recordings: only the mean ranking of the species is kept.

    Args:
        scores: (recordings, species).
        generator: to draw the permutation from, on the CPU.

    Returns:
        (recordings, species), the rows permuted. What a metric loses by it is due to detections.
    """
    return scores[torch.randperm(len(scores), generator=generator).to(scores.device)]


def band_energy(spectrogram: Tensor, band: tuple[int, int], frames_per_call: int) -> float:
    """The most naive detector: how far a band's highest level lies above its median level.

    Args:
        spectrogram: (mels, frames), logarithmic.
        band: the first mel band, and the one after the last.
        frames_per_call: over which the level is averaged, at least 1.

    Returns:
        The score, in the spectrogram's unit; see `band_energy_scores`.

    Raises:
        ValueError: if the band or the call is empty or lies outside the spectrogram.
    """
    bands, call_frames = torch.tensor([band]), torch.tensor([frames_per_call])
    return band_energy_scores(spectrogram, bands, call_frames).item()


def band_energy_scores(spectrogram: Tensor, bands: Tensor, call_frames: Tensor) -> Tensor:
    """`band_energy` of several species at once.

    The level of a band is its mean over the bands and over every run of `call_frames` frames that
    lies wholly inside the recording. The score is the highest level minus the median one (of an
    even number of runs the lower of the two in the middle). A call longer than the recording is
    taken to last as long as the recording, and so scores 0.

    Args:
        spectrogram: (mels, frames), logarithmic, at least one frame.
        bands: (species, 2) int, the first mel band of each species, and the one after the last.
        call_frames: (species,) int, at least 1.

    Returns:
        (species,) of the spectrogram's type, at least 0, in its unit.

    Raises:
        ValueError: if a band or a call is empty or lies outside the spectrogram.
    """
    mels, frames = spectrogram.shape
    _check_bands(mels, frames, bands, call_frames)
    bands, call_frames = bands.to(spectrogram.device), call_frames.to(spectrogram.device)
    low, high = bands.unbind(1)  # (species,) each
    sums = _cumulative(spectrogram.double(), dim=0)  # (mels + 1, frames)
    level = (sums[high] - sums[low]) / (high - low)[:, None]  # (species, frames)
    length = call_frames.clamp(max=frames)[:, None]  # (species, 1)
    end = torch.arange(1, frames + 1, device=spectrogram.device)  # (frames,)
    start = end - length  # (species, frames), below 0 where the run begins too early
    sums = _cumulative(level, dim=1)  # (species, frames + 1)
    smooth = (sums[:, 1:] - sums.gather(1, start.clamp(min=0))) / length
    smooth = smooth.masked_fill(start < 0, torch.nan)  # (species, frames)
    highest = smooth.nan_to_num(nan=-torch.inf).amax(1)
    return (highest - smooth.nanmedian(1).values).to(spectrogram.dtype)


def _cumulative(values: Tensor, dim: int) -> Tensor:
    """Cumulative sums with a zero in front."""
    return torch.cat([torch.zeros_like(values.narrow(dim, 0, 1)), values.cumsum(dim)], dim)


def _check_bands(mels: int, frames: int, bands: Tensor, call_frames: Tensor) -> None:
    low, high = bands.unbind(1)
    wrong = ((low < 0) | (low >= high) | (high > mels)).nonzero().flatten().tolist()
    if wrong:
        raise ValueError(
            f"band {bands[wrong[0]].tolist()} of species {wrong[0]} is empty or lies outside the "
            f"{mels} mel bands of the spectrogram"
        )
    if frames == 0 or (call_frames < 1).any():
        raise ValueError(
            f"expected at least one frame, and calls of at least one, got {frames} frames and "
            f"calls of {call_frames.tolist()}"
        )
