"""The boxes that a rainforest's calls lie in: one band and one duration a song."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

import pandas as pd


class Template(NamedTuple):
    """The box of one song of one species.

    Attributes:
        species_id: in [0, 24).
        songtype_id: 1 for the common song, 4 for the rarer one.
        f_min: lower edge of the band, Hz.
        f_max: upper edge of the band, Hz.
        duration_s: length of the box, seconds.
    """

    species_id: int
    songtype_id: int
    f_min: float
    f_max: float
    duration_s: float

    def overlap(self, other: Template) -> float:
        """Share of this template's band which lies in the band of `other`, in [0, 1]."""
        shared = min(self.f_max, other.f_max) - max(self.f_min, other.f_min)
        return max(0.0, shared) / (self.f_max - self.f_min)


Songs: TypeAlias = Mapping[int, tuple[Template, ...]]
"""The templates of each species' songs."""


def songs_of(templates: pd.DataFrame) -> Songs:
    """One template for each (species, songtype) class, by species and in the order of the songs.

    A class with several templates keeps the one with most confirmed rows. In RFCX's tables the
    choice of the template separates TP from FP for 9 classes; with one template it does not.

    Args:
        templates: `species_id`, `songtype_id`, `f_min`, `f_max` (Hz), `duration_s` and the number
            of confirmed rows `n_tp`, as `rfcx_templates` returns them.
    """
    most_confirmed = templates.sort_values("n_tp", ascending=False, kind="stable")
    classes = most_confirmed.drop_duplicates(["species_id", "songtype_id"])
    classes = classes.sort_values(["species_id", "songtype_id"])
    songs: dict[int, tuple[Template, ...]] = {}
    for species, songtype, f_min, f_max, duration in zip(
        *(classes[name] for name in Template._fields), strict=True
    ):
        song = Template(int(species), int(songtype), float(f_min), float(f_max), float(duration))
        songs[song.species_id] = (*songs.get(song.species_id, ()), song)
    return songs
