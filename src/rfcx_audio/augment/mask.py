"""Covering stripes of the spectrogram."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from rfcx_audio.augment.chain import chosen, uniform
from rfcx_audio.batch import Boxes, CropLabels


class Mask:
    """Covers one random stripe of each example with its mean (SpecAugment).

    Args:
        axis: `time` covers frames, `frequency` covers mel bands.
        max_share: largest width of the stripe, as a share of the axis, in [0, 1].
        probability: that an example is changed.
        keep_boxes: True leaves an example alone when the stripe would cover all of what the crop
            holds of an annotated box on this axis, TP or FP.

    Raises:
        ValueError: the axis is none of these, or `max_share` lies outside its range.

    Source: Park et al. (2019), arXiv:1904.08779; widths here are shares, not counts.
    """

    def __init__(
        self,
        axis: Literal["time", "frequency"],
        max_share: float = 0.1,
        probability: float = 0.5,
        keep_boxes: bool = False,
    ) -> None:
        if axis not in ("time", "frequency"):
            raise ValueError(f"axis = {axis!r}; expected 'time' or 'frequency'")
        if not 0 <= max_share <= 1:
            raise ValueError(f"max_share = {max_share} lies outside [0, 1]")
        self.axis = axis
        self.max_share = max_share
        self.probability = probability
        self.keep_boxes = keep_boxes

    def __call__(
        self, signal: Tensor, labels: CropLabels, generator: torch.Generator
    ) -> tuple[Tensor, CropLabels]:
        """(batch, channels, mels, frames) -> the same; labels as they are."""
        size = signal.shape[-1] if self.axis == "time" else signal.shape[-2]
        widest = int(self.max_share * size)
        width = uniform((len(signal), 1), 0, widest + 1, signal, generator).floor()
        unit = uniform((len(signal), 1), 0, 1, signal, generator)
        start = (unit * (size - width + 1)).floor()
        place = torch.arange(size, device=signal.device)
        covered = (place >= start) & (place < start + width)  # (batch, size)
        covered &= chosen(self.probability, signal, generator)[:, None]
        if self.keep_boxes:
            covered &= ~self._covers_a_box(start, start + width, size, labels.boxes)
        covered = covered[:, None, None, :] if self.axis == "time" else covered[:, None, :, None]
        mean = signal.mean(dim=(-2, -1), keepdim=True)
        return torch.where(covered, mean, signal), labels

    def _covers_a_box(self, start: Tensor, stop: Tensor, size: int, boxes: Boxes) -> Tensor:
        in_time = self.axis == "time"
        low, high = (boxes.t_min, boxes.t_max) if in_time else (boxes.f_min, boxes.f_max)
        low, high = low.clamp(0, 1) * size, high.clamp(0, 1) * size  # (batch, boxes)
        covered = (boxes.species >= 0) & (start <= low) & (high <= stop)
        return covered.any(dim=1, keepdim=True)
