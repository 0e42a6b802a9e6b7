"""Test-time augmentation: the same windows in several views, and the mean of their scores."""

from __future__ import annotations

import math
from typing import NamedTuple

from torch import Tensor

# 1 / g and 1 / g^2 with g^3 = g + 1: their multiples fill the unit square evenly in any number.
_STRIDES = 0.7548776662466927, 0.5698402909980532


class View(NamedTuple):
    """One way to present the windows of a recording.

    Attributes:
        shift: share of a window by which its content is rolled in time, in (-1, 1).
        gain_db: by which the recording is amplified.
        flip: whether time runs backwards.
    """

    shift: float = 0.0
    gain_db: float = 0.0
    flip: bool = False


def views(
    number: int, max_shift: float = 0.5, max_gain_db: float = 6.0, flip: bool = False
) -> tuple[View, ...]:
    """The first so many views of one fixed sequence; the very first leaves everything as it is.

    Args:
        number: at least 1; 1 is no augmentation.
        max_shift: share of a window, in [0, 1); shifts are drawn evenly up to it, to both sides.
        max_gain_db: at least 0; likewise.
        flip: whether every second view runs backwards. Calls that rise or fall become others by
            it, so it is only for detectors that were trained with flips.

    Raises:
        ValueError: a setting is out of its range.

    Source: additive recurrence R2 (Roberts 2018, "The unreasonable effectiveness of quasirandom
    sequences"), instead of random draws: the same views in every run, and those of a smaller
    number are among those of a larger.
    """
    if number < 1 or not 0 <= max_shift < 1 or max_gain_db < 0:
        raise ValueError(
            f"expected tta >= 1, 0 <= max_shift < 1 and max_gain_db >= 0, got {number}, "
            f"{max_shift} and {max_gain_db}"
        )
    found = [View()]
    for index in range(1, number):
        across, along = (2 * math.fmod(index * stride, 1.0) - 1 for stride in _STRIDES)
        found.append(View(max_shift * across, max_gain_db * along, flip and index % 2 == 1))
    return tuple(found)


def amplified(waveform: Tensor, view: View) -> Tensor:
    """A recording of any shape with the gain of a view."""
    return waveform * 10 ** (view.gain_db / 20) if view.gain_db else waveform


def apply_view(windows: Tensor, view: View) -> Tensor:
    """Windows as a view shows them.

    Each is rolled in itself, so that it still holds its own sound and no other; windows at other
    places of the recording are what a larger overlap gives.

    Args:
        windows: (..., frames).
        view: its gain does nothing here.

    Returns:
        Of the same shape.
    """
    shift = round(view.shift * windows.shape[-1])
    rolled = windows.roll(shift, -1) if shift else windows
    return rolled.flip(-1) if view.flip else rolled


def undo_view(frames: Tensor, view: View) -> Tensor:
    """The scores of the frames of windows in a view, put back where they were.

    Args:
        frames: (windows, frames, species); the detector may have fewer frames than the window, and
            then they come back to within half of one.
        view: in which the windows were scored.

    Returns:
        Of the same shape.
    """
    turned = frames.flip(1) if view.flip else frames
    return turned.roll(-round(view.shift * frames.shape[1]), 1)
