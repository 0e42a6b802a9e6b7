"""The boxes that RFCX's template matcher reported: one band and one duration each."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import NamedTuple

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


def box_templates() -> pd.DataFrame:
    """The 37 templates of the RFCX tables.

    Returns:
        Columns species_id, songtype_id, f_min and f_max (Hz), duration_s, and the number of
        confirmed (`n_tp`) and refuted (`n_fp`) rows that each one has in the real tables.
    """
    with (
        files("rfcx_audio.data.synthetic")
        .joinpath("box_templates.csv")
        .open(encoding="utf-8") as file
    ):
        return pd.read_csv(file)


@cache
def call_templates() -> tuple[Template, ...]:
    """One template for each of the 26 (species, songtype) classes, in their order.

    A class with several templates keeps the one with most confirmed rows. In the real tables the
    choice of the template tells a TP from an FP for 9 classes; with one template it tells nothing.
    """
    most_confirmed = box_templates().sort_values("n_tp", ascending=False, kind="stable")
    classes = most_confirmed.drop_duplicates(["species_id", "songtype_id"])
    classes = classes.sort_values(["species_id", "songtype_id"])
    return tuple(
        Template(int(species), int(songtype), float(f_min), float(f_max), float(duration))
        for species, songtype, f_min, f_max, duration in zip(
            *(classes[name] for name in Template._fields), strict=True
        )
    )


@cache
def songs_of(species: int) -> tuple[Template, ...]:
    """The one or two templates of a species."""
    return tuple(template for template in call_templates() if template.species_id == species)
