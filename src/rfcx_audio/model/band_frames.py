"""Scores over time of classes that are looked for at places in time."""

from __future__ import annotations

import torch
from torch import Tensor


def covered_frames(starts: Tensor, lengths: Tensor, width: int) -> Tensor:
    """Which places cover which frames of a coarse time axis.

    A frame is at most half of the shortest place, so that each place covers the middle of one.

    Args:
        starts: (places,) int64, first pixel of each.
        lengths: (places,) int64, pixels, at least 2.
        width: pixels of the axis, at least the end of each place.

    Returns:
        (places, frames) bool; the frames are of equal length.
    """
    step = max(1, int(lengths.min()) // 2)
    frames = -(-width // step)
    middle = (torch.arange(frames, device=starts.device) + 0.5) * width / frames
    behind = starts + lengths
    return (middle >= starts[:, None]) & (middle < behind[:, None])


def frame_logits(by_place: Tensor, covered: Tensor, songs: Tensor, is_song: Tensor) -> Tensor:
    """The highest logit of the places over each frame, of all songs of a species.

    Args:
        by_place: (batch, classes, places), -inf where a class has no such place.
        covered: (classes, places, frames) bool.
        songs: (species, most songs) int64, the classes of each species.
        is_song: the same shape, bool.

    Returns:
        (batch, frames, species)
    """
    of_frames = [
        torch.where(frame, by_place, -torch.inf).amax(2)  # (batch, classes)
        for frame in covered.unbind(2)
    ]
    by_class = torch.stack(of_frames, 1)[:, :, songs]  # (batch, frames, species, most songs)
    return torch.where(is_song, by_class, -torch.inf).amax(3)
