"""Level and place of a crop's sound."""

from __future__ import annotations

import torch
from torch import Tensor

from rfcx_audio.augment.chain import chosen, uniform
from rfcx_audio.augment.mixture import with_boxes
from rfcx_audio.batch import Boxes, CropLabels, Labels

_ROUNDING_S = 1e-4  # less is no part of a box, but what float32 makes of its end


def rolled_boxes(boxes: Boxes, later_s: Tensor, duration_s: float) -> Boxes:
    """Boxes of crops whose sound is moved to a later time, and from the end to the beginning.

    Args:
        boxes: (batch, boxes) each, in s.
        later_s: (batch, 1) in [0, duration_s]; at 0, an example's boxes stay as they are.
        duration_s: of the crops.

    Returns:
        (batch, 2 * boxes) each: the boxes up to the end of the crop, then what goes on at its
        beginning, with species -1 where nothing does. Of a box that extended beyond its
        crop, only the part within is moved.
    """
    begin = boxes.t_min.clamp(0, duration_s)
    length = boxes.t_max.clamp(0, duration_s) - begin
    begin = (begin + later_s) % duration_s
    end, still = begin + length, later_s == 0
    ahead = boxes._replace(
        t_min=torch.where(still, boxes.t_min, begin),
        t_max=torch.where(still, boxes.t_max, end.clamp(max=duration_s)),
    )
    goes_on = (end > duration_s + _ROUNDING_S) & ~still
    behind = boxes._replace(
        species=torch.where(goes_on, boxes.species, -1),
        t_min=torch.zeros_like(begin),
        t_max=(end - duration_s).clamp(min=0),
    )
    return with_boxes(ahead, behind)


class Gain:
    """Makes a crop louder or quieter.

    Args:
        min_db: lowest gain.
        max_db: highest gain.
        probability: that an example is changed.
    """

    def __init__(self, min_db: float = -6.0, max_db: float = 6.0, probability: float = 0.5) -> None:
        self.min_db = min_db
        self.max_db = max_db
        self.probability = probability

    def __call__(
        self, signal: Tensor, labels: CropLabels, generator: torch.Generator
    ) -> tuple[Tensor, CropLabels]:
        """(batch, samples) -> the same; labels as they are."""
        gain_db = uniform((len(signal), 1), self.min_db, self.max_db, signal, generator)
        gain = torch.pow(10.0, gain_db / 20)
        which = chosen(self.probability, signal, generator)[:, None]
        return torch.where(which, signal * gain, signal), labels


class TimeShift:
    """Moves a crop's sound to a later time; what leaves at the end comes in at the beginning.

    No sound is lost, so the clip's labels stay true. Shifts are whole label frames, so that
    the frames' labels move exactly as the sound does.

    Args:
        sample_rate: Hz.
        max_share: longest shift, as a share of the crop, in [0, 1].
        probability: that an example is changed.
    """

    def __init__(self, sample_rate: int, max_share: float = 1.0, probability: float = 0.5) -> None:
        if not 0 <= max_share <= 1:
            raise ValueError(f"max_share = {max_share} lies outside [0, 1]")
        self.sample_rate = sample_rate
        self.max_share = max_share
        self.probability = probability

    def __call__(
        self, signal: Tensor, labels: CropLabels, generator: torch.Generator
    ) -> tuple[Tensor, CropLabels]:
        """(batch, samples) -> the same; frames and boxes move too."""
        frames, samples = labels.frame.known.shape[1], signal.shape[1]
        widest = int(self.max_share * frames)
        frame_shift = uniform((len(signal),), 0, widest + 1, signal, generator).long()
        frame_shift = frame_shift.clamp(max=widest) * chosen(self.probability, signal, generator)
        sample_shift = (frame_shift * samples / frames).round().long()
        moved = signal.gather(1, _rolled(sample_shift, samples))
        place = _rolled(frame_shift, frames)[:, :, None].expand_as(labels.frame.known)
        frame = Labels(*(part.gather(1, place) for part in labels.frame))
        later = sample_shift[:, None] / self.sample_rate  # s
        boxes = rolled_boxes(labels.boxes, later, samples / self.sample_rate)
        return moved, labels._replace(frame=frame, boxes=boxes)


def _rolled(shift: Tensor, size: int) -> Tensor:
    """(batch, size) indices that roll each example by its own shift."""
    return (torch.arange(size, device=shift.device) - shift[:, None]) % size
