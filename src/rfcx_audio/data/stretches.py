"""The stretches of recordings that crops can be cut from, and where they lie in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import NamedTuple

import pandas as pd

from rfcx_audio.data.audio import AudioReader
from rfcx_audio.data.crops import crop_starts
from rfcx_audio.data.sampler import CropRecipe


class Stretch(NamedTuple):
    """A part of a recording, and where it lies in memory.

    Attributes:
        name: of the recording.
        first: sample of the recording at the reader's rate.
        stop: sample behind the last; may lie beyond the end, where zeros are.
        block: number of the tensor that holds it.
        offset: of `first` in that tensor.
    """

    name: str
    first: int
    stop: int
    block: int = 0
    offset: int = 0


def reachable(
    rows: pd.DataFrame, durations_s: Mapping[str, float], recipe: CropRecipe, reader: AudioReader
) -> list[Stretch]:
    """The stretches of recordings that crops can be cut from.

    The surroundings of the rows; with crops of background, all of the rows' recordings.

    Args:
        rows: to draw crops around (`recording_id`, `t_min`, `t_max`).
        durations_s: of the recordings by name.
        recipe: how crops are drawn.
        reader: whose sample rate counts.
    """
    found: dict[str, list[tuple[int, int]]] = {}
    columns = (rows["recording_id"], rows["t_min"], rows["t_max"])
    for name, t_min, t_max in zip(*columns, strict=True):
        earliest, latest = crop_starts(t_min, t_max, recipe.duration_s, durations_s[name])
        if recipe.background_share > 0:
            earliest, latest = 0.0, max(0.0, durations_s[name] - recipe.duration_s)
        # A sample more at both ends: a draw may round to just beyond its range.
        first = max(0, reader.num_samples(earliest) - 1)
        stop = reader.num_samples(latest) + reader.num_samples(recipe.duration_s) + 1
        found.setdefault(name, []).append((first, stop))
    return list(chain.from_iterable(_merged(name, found[name]) for name in sorted(found)))


def laid_out(stretches: Sequence[Stretch], most: int | None) -> tuple[list[Stretch], list[int]]:
    """Stretches with their places, one behind the other, and the lengths of the blocks.

    Args:
        stretches: without places.
        most: samples of a block, unless one stretch alone has more; None: one block for all.
    """
    placed: list[Stretch] = []
    lengths: list[int] = []
    for one in stretches:
        length = one.stop - one.first
        if not lengths or (most is not None and lengths[-1] + length > most):
            lengths.append(0)
        placed.append(one._replace(block=len(lengths) - 1, offset=lengths[-1]))
        lengths[-1] += length
    return placed, lengths


def place_of(stretches: Sequence[Stretch], start: int, length: int) -> tuple[int, int] | None:
    """Block and offset of a crop in one of its recording's stretches; None where it is in none.

    Args:
        stretches: of the recording.
        start: first sample of the crop.
        length: of the crop, samples.
    """
    for one in stretches:
        if one.first <= start and start + length <= one.stop:
            return one.block, one.offset + start - one.first
    return None


def _merged(name: str, parts: list[tuple[int, int]]) -> list[Stretch]:
    """Parts of one recording without their overlaps."""
    merged: list[Stretch] = []
    for first, stop in sorted(parts):
        if merged and first <= merged[-1].stop:
            merged[-1] = merged[-1]._replace(stop=max(stop, merged[-1].stop))
        else:
            merged.append(Stretch(name, first, stop))
    return merged
