"""The boxes that a rainforest's calls lie in: one band and one duration a song."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

import numpy as np
import pandas as pd

from rfcx_audio.data.synthetic.streams import generator

LOWEST_HZ = 40.0  # of a band
HIGHEST_SHARE = 0.475  # of the sample rate, which a band reaches at most
FIRST_DRAWN = 5  # songtype from which on songs are invented; RFCX has 1 and 4


class Template(NamedTuple):
    """The box of one song of one species.

    Attributes:
        species_id: from 0 on.
        songtype_id: 1 for the common song of RFCX, 4 for the rarer one, 5 and up for invented ones.
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

    @property
    def width_octaves(self) -> float:
        """Width of the band."""
        return float(np.log2(self.f_max / self.f_min))

    def moved(self, octaves: float, sample_rate: int) -> Template:
        """The same box higher or lower, as far as recordings of a sample rate have room for it."""
        most = np.log2(HIGHEST_SHARE * sample_rate / self.f_max)
        least = np.log2(LOWEST_HZ / self.f_min)
        factor = 2.0 ** float(np.clip(octaves, min(least, 0.0), max(most, 0.0)))
        return self._replace(f_min=self.f_min * factor, f_max=self.f_max * factor)

    def widened(self, factor: float, sample_rate: int) -> Template:
        """The same box with so many times its width in octaves, as far as there is room for it."""
        more = 2.0 ** (0.5 * (factor - 1) * self.width_octaves)
        low, high = self.f_min / more, self.f_max * more
        low, high = (
            max(low, min(LOWEST_HZ, self.f_min)),
            min(high, max(HIGHEST_SHARE * sample_rate, self.f_max)),
        )
        return self._replace(f_min=low, f_max=high)


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


def drawn_templates(seed: int, number: int) -> pd.DataFrame:
    """The boxes of invented species, one song each, below 12 kHz.

    Returns:
        The columns that `songs_of` reads, one row for each species from 0 on.
    """
    rng = generator(seed, "invented species")
    width = rng.uniform(0.4, 1.2, number)  # octaves
    f_min = 2.0 ** rng.uniform(np.log2(150.0), np.log2(12_000.0) - width)
    columns = {
        "species_id": np.arange(number),
        "songtype_id": FIRST_DRAWN,
        "f_min": f_min.round(1),
        "f_max": (f_min * 2.0**width).round(1),
        "duration_s": np.exp(rng.uniform(np.log(0.5), np.log(5.0), number)).round(3),
        "n_tp": 1,
    }
    return pd.DataFrame(columns)


def with_further_songs(songs: Songs, number: int, seed: int, sample_rate: int) -> Songs:
    """Songs and so many invented ones more of each species.

    Each lies 0.5 to 1.5 octaves above or below the species' first song, and takes 0.6 to 1.6 times
    as long.
    """
    rng = generator(seed, "further songs")
    return {
        species: (*own, *(_further(rng, own[0], place, sample_rate) for place in range(number)))
        for species, own in songs.items()
    }


def _further(rng: np.random.Generator, first: Template, place: int, sample_rate: int) -> Template:
    octaves = float(rng.uniform(0.5, 1.5) * rng.choice([-1.0, 1.0]))
    there = first.moved(octaves, sample_rate)
    if abs(np.log2(there.f_min / first.f_min)) < 0.5 * abs(octaves):  # no room on that side
        there = first.moved(-octaves, sample_rate)
    songtype = max(FIRST_DRAWN, first.songtype_id) + 1 + place
    duration_s = round(first.duration_s * float(rng.uniform(0.6, 1.6)), 3)
    return there._replace(songtype_id=songtype, duration_s=duration_s)
