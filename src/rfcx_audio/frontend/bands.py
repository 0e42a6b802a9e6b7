"""Where classes lie on the axes of a spectrogram."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import torch

from rfcx_audio.batch import ClassBands
from rfcx_audio.frontend.mel import LogMel


class SongClass(Protocol):
    """A song of a species, with its band in Hz and its duration in s."""

    @property
    def species_id(self) -> int: ...  # noqa: D102
    @property
    def songtype_id(self) -> int: ...  # noqa: D102
    @property
    def f_min(self) -> float: ...  # noqa: D102
    @property
    def f_max(self) -> float: ...  # noqa: D102
    @property
    def duration_s(self) -> float: ...  # noqa: D102


def class_bands(frontend: LogMel, classes: Sequence[SongClass]) -> ClassBands:
    """The bands and durations of classes in whole mel bands and frames, rounded outwards.

    Args:
        frontend: which makes the spectrograms.
        classes: in the order of the detector's outputs.

    Raises:
        ValueError: a class lies outside the front end's band.
    """
    first = frontend.band_of([one.f_min for one in classes])
    last = frontend.band_of([one.f_max for one in classes])
    low, high = list(map(math.floor, first)), list(map(math.ceil, last))
    for one, bottom, top in zip(classes, low, high, strict=True):
        if bottom >= top or one.f_min >= frontend.f_max or one.f_max <= frontend.f_min:
            raise ValueError(
                f"species {one.species_id}, song {one.songtype_id} calls at {one.f_min:g} to "
                f"{one.f_max:g} Hz, the front end covers {frontend.f_min:g} to "
                f"{frontend.f_max:g} Hz; choose frontend=default, or a higher data.sample_rate and "
                "data.f_max, which the recordings must hold, or leave the species out"
            )
    frames = [math.ceil(one.duration_s / frontend.hop_s) for one in classes]
    return ClassBands(
        species=torch.tensor([one.species_id for one in classes]),
        songtype=torch.tensor([one.songtype_id for one in classes]),
        low=torch.tensor(low),
        high=torch.tensor(high),
        frames=torch.tensor(frames),
        f_min=torch.tensor(first) / frontend.n_mels,
        f_max=torch.tensor(last) / frontend.n_mels,
    )
