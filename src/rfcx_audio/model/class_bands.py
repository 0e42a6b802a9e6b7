"""Frequency filtering: a detector that hears each class in its own band only."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torchvision.ops import roi_align

from rfcx_audio.batch import ClassBands, Logits
from rfcx_audio.model.encoder import Encoder

Mode = Literal["crop", "mask"]
_SPECTROGRAM_DIMENSIONS = 4
_LEAST = 2  # mels and frames of a crop: between the centres of fewer pixels there is nothing
# Encoded in one pass: 1024 crops of 32 x 32, or 29 windows of 128 x 282, which take half a gigabyte
# in a densenet121.
_PIXELS_AT_ONCE = 2**20


def crop_bands(
    spectrogram: Tensor,
    example: Tensor,
    low: Tensor,
    high: Tensor,
    start: Tensor,
    frames: Tensor,
    size: Sequence[int],
) -> Tensor:
    """Bands of spectrograms over a stretch of time, all stretched to one size.

    Args:
        spectrogram: (batch, channels, mels, frames).
        example: (crops,) from which of the batch each is cut.
        low: (crops,) first mel.
        high: (crops,) mel behind the last.
        start: (crops,) first frame.
        frames: (crops,) number of frames.
        size: height and width of the result.

    Returns:
        (crops, channels, *size). What lies outside the cut has no influence: the interpolation
        takes points between the centres of its own pixels only. A cut of a single mel or frame has
        no such points, and gives 0.
    """
    edges = [example, start + 0.5, low + 0.5, start + frames - 0.5, high - 0.5]
    boxes = torch.stack([edge.to(spectrogram.dtype) for edge in edges], dim=1)
    return roi_align(  # pyright: ignore[reportCallIssue]
        spectrogram, boxes, (size[0], size[1]), aligned=True
    )


def mask_bands(spectrogram: Tensor, low: Tensor, high: Tensor, edge: int) -> Tensor:
    """Spectrograms that are 0 outside a band, with soft edges inside it.

    Args:
        spectrogram: (batch, channels, mels, frames), normalised, so that 0 is its mean.
        low: (batch,) first mel.
        high: (batch,) mel behind the last.
        edge: mels over which the band fades in, at each end, as a raised cosine.
    """
    middle = torch.arange(spectrogram.shape[2], device=spectrogram.device) + 0.5
    depth = torch.minimum(middle - low[:, None], high[:, None] - middle)  # (batch, mels)
    weight = 0.5 - 0.5 * torch.cos(math.pi * (depth / edge).clamp(0, 1))
    return spectrogram * weight[:, None, :, None]


def slide(total: int, window: int) -> list[int]:
    """Starts of windows that overlap by half at least; the last one is flush with the end."""
    window = min(window, total)
    starts = range(0, total - window + 1, max(1, window // 2))
    return sorted({*starts, total - window})


class ClassBandDetector(nn.Module):
    """Normalise, filter, encode, decide: one logit from each class's own band.

    One encoder and one head serve all classes; a class reads its own output of the head. The
    spectrogram is computed once. `crop` cuts a class's band and duration out, stretches it to one
    small size, and slides it over time; its cost is that of all these small pictures, which for
    32 x 32 come to about six whole windows. `mask` keeps the window whole and silences what lies
    outside the band, once for each class, so that it costs as much as there are classes.

    Args:
        encoder: gives a map of `encoder.num_features` features.
        head: called as `head(encoder.num_features)`; one logit for each class.
        norm: of the whole spectrogram, band by band.
        bands: of the classes; several songs of a species are merged by their maximum.
        num_species: of the labels; each must have a class.
        mode: `crop` or `mask`.
        size: of a crop, (mels, frames); at least the reduction of encoder and head.
        edge: mels over which a mask's band fades in.
        pool: over a crop's places in time: `max`, or `top3`, the mean of the three highest logits.

    Attributes:
        reduction: the least size of a spectrogram's axes.

    Raises:
        ValueError: the settings contradict each other, or a class is too small to be cropped.

    Source: the deck, "Frequency filtering".
    """

    low: Tensor
    high: Tensor
    frames: Tensor

    def __init__(
        self,
        encoder: Encoder,
        head: Callable[[int], nn.Module],
        norm: nn.Module,
        bands: ClassBands,
        num_species: int,
        mode: Mode = "crop",
        size: Sequence[int] = (32, 32),
        edge: int = 2,
        pool: Literal["max", "top3"] = "max",
    ) -> None:
        super().__init__()
        if mode not in ("crop", "mask") or pool not in ("max", "top3") or edge < 1:
            raise ValueError(
                f"mode ({mode!r}) must be crop or mask, pool ({pool!r}) max or top3, edge ({edge}) "
                "at least 1"
            )
        if set(bands.species.tolist()) != set(range(num_species)):
            raise ValueError(
                f"the classes are of species {sorted(set(bands.species.tolist()))}; each of the "
                f"{num_species} species needs a band"
            )
        self.norm = norm
        self.encoder = encoder
        self.head = head(encoder.num_features)
        self.bands = bands
        self.num_species = num_species
        self.mode: Mode = mode
        self.size = tuple(size)
        self.edge = edge
        self.pool = pool
        shrinks: int = encoder.reduction * getattr(self.head, "reduction", 1)
        if mode == "crop":
            _check_crops(bands, self.size, shrinks)
        self.reduction = shrinks if mode == "mask" else 1
        for name in ("low", "high", "frames"):
            self.register_buffer(name, getattr(bands, name), persistent=False)

    def class_of(self, species: Tensor, songtype: Tensor) -> Tensor:
        """The class of each (species, songtype), of any shape; -1 where there is none."""
        same = (species[..., None] == self.bands.species.to(species.device)) & (
            songtype[..., None] == self.bands.songtype.to(species.device)
        )
        return torch.where(same.any(-1), same.int().argmax(-1), -1)

    def of_classes(self, spectrogram: Tensor, classes: Tensor, start: Tensor) -> Tensor:
        """The logits of some classes of each example.

        Args:
            spectrogram: (batch, channels, mels, frames).
            classes: (batch, some) int64.
            start: (batch, some) first frame of the class's stretch of time; a mask has no need of
                it.

        Returns:
            (batch, some)

        Raises:
            ValueError: the spectrogram has other channels than the encoder, or is too small.
        """
        example = torch.arange(len(classes), device=classes.device)[:, None].expand_as(classes)
        some = (each.flatten() for each in (example, classes, start))
        return self._logits(self._normalised(spectrogram), *some).view_as(classes)

    def forward(self, spectrogram: Tensor) -> Logits:
        """What is heard of every species.

        Args:
            spectrogram: (batch, channels, mels, frames).

        Raises:
            ValueError: the spectrogram has other channels than the encoder, or is too small.
        """
        normalised = self._normalised(spectrogram)
        batch, width = len(spectrogram), spectrogram.shape[3]
        places = [
            (number, start)
            for number, frames in enumerate(self.frames.tolist())
            for start in (slide(width, frames) if self.mode == "crop" else [0])
        ]
        classes, starts = torch.tensor(places, device=spectrogram.device).T  # (places,)
        example = torch.arange(batch, device=spectrogram.device).repeat_interleave(len(places))
        height, length = self.size if self.mode == "crop" else spectrogram.shape[2:]
        at_once = max(1, _PIXELS_AT_ONCE // (height * length))
        # All places of one example come first, then those of the next.
        logits = [
            self._logits(normalised, *part)
            for part in zip(
                example.split(at_once),
                classes.repeat(batch).split(at_once),
                starts.repeat(batch).split(at_once),
                strict=True,
            )
        ]
        by_place = torch.cat(logits).view(batch, len(places))
        by_class = [self._pooled(by_place[:, classes == c]) for c in range(len(self.frames))]
        species = self.bands.species.to(spectrogram.device).expand(batch, -1)
        lowest = by_place.new_full((batch, self.num_species), -torch.inf)
        clip = lowest.scatter_reduce(1, species, torch.stack(by_class, 1), reduce="amax")
        return Logits(clip=clip, frame=clip.unsqueeze(1))

    def _normalised(self, spectrogram: Tensor) -> Tensor:
        shape, channels = tuple(spectrogram.shape), self.encoder.in_chans
        if (
            len(shape) != _SPECTROGRAM_DIMENSIONS
            or shape[1] != channels
            or min(shape[2:]) < self.reduction
        ):
            raise ValueError(
                f"spectrogram of shape {shape}; expected (batch, {channels}, mels, frames), mels "
                f"and frames at least {self.reduction}; model.encoder.in_chans must be the front "
                "end's channels, and the crop long enough for encoder and head"
            )
        return self.norm(spectrogram)

    def _logits(
        self, normalised: Tensor, example: Tensor, classes: Tensor, start: Tensor
    ) -> Tensor:
        low, high = self.low[classes], self.high[classes]
        if self.mode == "crop":
            frames = self.frames[classes].clamp(max=normalised.shape[3])
            filtered = crop_bands(normalised, example, low, high, start, frames, self.size)
        else:
            filtered = mask_bands(normalised[example], low, high, self.edge)
        logits = self.head(self.encoder(filtered)).clip  # (crops, classes)
        return logits.float().gather(1, classes[:, None])[:, 0]

    def _pooled(self, logits: Tensor) -> Tensor:
        """(batch, places) -> (batch,)."""
        if self.pool == "max":
            return logits.amax(1)
        return logits.topk(min(3, logits.shape[1]), dim=1).values.mean(1)


def _check_crops(bands: ClassBands, size: Sequence[int], shrinks: int) -> None:
    if min(size) < shrinks:
        raise ValueError(
            f"size = {tuple(size)} is too small: encoder and head shrink it by the reduction of "
            f"{shrinks}; raise model.size, or choose model/head=linear"
        )
    for species, songtype, low, high, frames in zip(*(x.tolist() for x in bands), strict=True):
        if min(high - low, frames) < _LEAST:
            raise ValueError(
                f"the band of species {species}, song {songtype} has {high - low} mels and "
                f"{frames} frames, a crop needs {_LEAST} of both; raise "
                "model.bands.classes.padding_hz or padding_s, or frontend.n_mels, or choose "
                "model=class_bands_mask"
            )
