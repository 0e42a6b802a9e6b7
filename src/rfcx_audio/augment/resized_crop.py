"""Random resized crop."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from rfcx_audio.augment.chain import chosen, per_example, uniform
from rfcx_audio.batch import Boxes, CropLabels, Labels


def zoom(signal: Tensor, start: Tensor, scale: Tensor) -> Tensor:
    """A part of each spectrogram, at the size of the whole (bilinear).

    Args:
        signal: (batch, channels, mels, frames).
        start: (2, batch), where the part begins, as shares of mels and of frames.
        scale: (2, batch), its size, as shares of mels and of frames.
    """
    mels, frames = signal.shape[-2:]
    # grid_sample's coordinates run from -1 to 1. The grid is made without a matrix product, which
    # affine_grid takes and a GPU may round to ten bits.
    f, t = (
        2 * (begin[:, None] + size[:, None] * _middles(number, signal)) - 1
        for begin, size, number in zip(start, scale, (mels, frames), strict=True)
    )
    places = (t[:, None, :].expand(-1, mels, -1), f[:, :, None].expand(-1, -1, frames))
    grid = torch.stack(places, dim=-1)
    return functional.grid_sample(signal, grid, padding_mode="border", align_corners=False)


def zoomed_labels(labels: CropLabels, start: Tensor, scale: Tensor) -> CropLabels:
    """The labels after `zoom`; a label frame takes the label at its middle.

    See `RandomResizedCrop`; `start` and `scale` are those of `zoom`, boxes in shares of the axes.
    """
    boxes, frames = labels.boxes, labels.frame.known.shape[1]
    (f_start, t_start), (f_scale, t_scale) = start[:, :, None], scale[:, :, None]  # (batch, 1)
    whole = _area(boxes, *(torch.full_like(t_start, end) for end in (0, 1, 0, 1)))
    left = _area(boxes, t_start, t_start + t_scale, f_start, f_start + f_scale)
    kept = (boxes.species >= 0) & (2 * left >= whole)
    lost = _lost(boxes, kept, labels.clip.known)
    source = ((t_start + t_scale * _middles(frames, start)) * frames).long().clamp(max=frames - 1)
    place = source[:, :, None].expand_as(labels.frame.known)
    frame = Labels(*(part.gather(1, place) for part in labels.frame))
    moved = boxes._replace(
        species=torch.where(kept, boxes.species, -1),
        t_min=(boxes.t_min - t_start) / t_scale,
        t_max=(boxes.t_max - t_start) / t_scale,
        f_min=(boxes.f_min - f_start) / f_scale,
        f_max=(boxes.f_max - f_start) / f_scale,
    )
    return labels._replace(
        clip=_forget(labels.clip, lost),
        frame=_forget(frame, lost[:, None]),
        boxes=moved,
        # What was absent from the whole is absent from a part.
        truth=_forget(labels.truth, lost & (labels.truth.target > 0)),
    )


class RandomResizedCrop:
    """Cuts a part out of a spectrogram and stretches it to the old size.

    The shares of both axes are drawn apart. Boxes and frames move with the picture. Where a cell's
    rows (the TP rows, where there are any) all lose more than half of the area of their box, the
    cell becomes unknown, in clip, frames and, if it was present, truth. Their boxes are taken away.
    Cells without a box stay as they are.

    Args:
        min_scale: lower bound of the uniform draw of the kept share of each axis, in (0, 1].
        max_scale: upper bound of that draw, at most 1.
        anchor: `random` draws the start of the part; `origin` always starts it at the first frame
            and the lowest mel, as the deck does.
        probability: that an example is changed.

    Raises:
        ValueError: a setting is out of range.

    Source: the deck, "Random resize and crop" (0.8 to 1).
    """

    def __init__(
        self,
        min_scale: float = 0.8,
        max_scale: float = 1.0,
        anchor: Literal["random", "origin"] = "random",
        probability: float = 0.5,
    ) -> None:
        if not 0 < min_scale <= max_scale <= 1 or anchor not in ("random", "origin"):
            raise ValueError(
                f"expected 0 < min_scale ({min_scale}) <= max_scale ({max_scale}) <= 1 and anchor "
                f"({anchor!r}) random or origin"
            )
        self.min_scale = min_scale
        self.max_scale = max_scale
        self.anchor = anchor
        self.probability = probability

    def __call__(
        self, signal: Tensor, labels: CropLabels, generator: torch.Generator
    ) -> tuple[Tensor, CropLabels]:
        """(batch, channels, mels, frames) -> the same; labels of what is left."""
        size = (2, len(signal))  # of mels, of frames
        scale = uniform(size, self.min_scale, self.max_scale, signal, generator)
        which = chosen(self.probability, signal, generator)
        scale = torch.where(which, scale, 1.0)
        unit = uniform(size, 0, 1, signal, generator) if self.anchor == "random" else 0.0
        start = unit * (1 - scale)
        # Interpolation rounds even where it moves nothing.
        zoomed = torch.where(per_example(which, signal), zoom(signal, start, scale), signal)
        return zoomed, zoomed_labels(labels, start, scale)


def _middles(number: int, like: Tensor) -> Tensor:
    """The middles of equal parts of an axis from 0 to 1."""
    return (torch.arange(number, device=like.device) + 0.5) / number


def _area(boxes: Boxes, t_min: Tensor, t_max: Tensor, f_min: Tensor, f_max: Tensor) -> Tensor:
    """(batch, boxes): how much of each box lies within the limits, (batch, 1) each."""
    time = torch.minimum(boxes.t_max, t_max) - torch.maximum(boxes.t_min, t_min)
    band = torch.minimum(boxes.f_max, f_max) - torch.maximum(boxes.f_min, f_min)
    return time.clamp(min=0) * band.clamp(min=0)


def _lost(boxes: Boxes, kept: Tensor, like: Tensor) -> Tensor:
    """(batch, species) bool: cells that boxes labelled, none of which is kept."""
    cell = boxes.species.clamp(min=0)

    def any_of(which: Tensor) -> Tensor:
        found = torch.zeros_like(like).scatter_reduce(1, cell, which.to(like.dtype), "amax")
        return found > 0

    is_box = boxes.species >= 0
    confirmed = any_of(is_box & boxes.present).gather(1, cell)  # (batch, boxes)
    labels = is_box & (boxes.present | ~confirmed)  # a presence outweighs an absence
    return any_of(labels) & ~any_of(labels & kept)


def _forget(labels: Labels, lost: Tensor) -> Labels:
    return Labels(labels.target, torch.where(lost, 0.0, labels.known))
