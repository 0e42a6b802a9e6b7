"""The classes of frequency filtering: one frequency band and one duration per song type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from rfcx_audio.data.rfcx_templates import rfcx_templates


class SpeciesClass(NamedTuple):
    """One song of one species.

    Attributes:
        species_id: from 0.
        songtype_id: as in the tables.
        f_min: Hz, at least 0.
        f_max: Hz.
        duration_s: longer than its longest box.
    """

    species_id: int
    songtype_id: int
    f_min: float
    f_max: float
    duration_s: float


def species_classes(
    padding_hz: float = 200.0,
    padding_s: float = 0.3,
    templates: pd.DataFrame | Sequence[Mapping[str, float]] | None = None,
) -> list[SpeciesClass]:
    """A fixed band and duration for every (species, songtype), or each of its groups.

    A row's own box must not be used in their place: for 9 of the 26 classes of the RFCX tables the
    choice of the template alone separates TP from FP.

    Args:
        padding_hz: added at both ends of the union of a class's bands.
        padding_s: added to its longest duration.
        templates: rows of `species_id`, `songtype_id`, `f_min`, `f_max` (Hz), `duration_s`, as a
            table or as in YAML; with a column `group`, each group of a song is a class of its own.
            None, as in configurations of earlier versions: `rfcx_templates()`.

    Returns:
        By species, song type and group.

    Raises:
        ValueError: the templates have no such columns.
    """
    table = rfcx_templates() if templates is None else pd.DataFrame(templates)
    missing = [name for name in SpeciesClass._fields if name not in table]
    if missing:
        raise ValueError(
            f"templates lack the column(s) {', '.join(missing)}; set model.bands.classes.templates"
        )
    table = table if "group" in table else table.assign(group=0)
    by_class = table.groupby(["species_id", "songtype_id", "group"], as_index=False)
    widest = by_class.agg(
        f_min=("f_min", "min"), f_max=("f_max", "max"), duration_s=("duration_s", "max")
    ).drop(columns="group")
    return [
        SpeciesClass(
            int(species),
            int(songtype),
            max(0.0, float(low) - padding_hz),
            float(high) + padding_hz,
            float(duration_s) + padding_s,
        )
        for species, songtype, low, high, duration_s in widest.to_numpy()
    ]


def species_bands(rows: pd.DataFrame) -> pd.DataFrame:
    """One band a species, the union of its boxes, and its commonest song.

    Args:
        rows: `species_id`, `songtype_id`, `f_min`, `f_max` (Hz); as `read_rfcx` returns them.

    Returns:
        `species_id`, `songtype_id`, `f_min`, `f_max`, of the species that have rows.
    """
    by_species = rows.groupby("species_id")
    bands = pd.DataFrame(
        {
            "songtype_id": by_species["songtype_id"].agg(lambda songs: songs.mode().iloc[0]),
            "f_min": by_species["f_min"].min(),
            "f_max": by_species["f_max"].max(),
        }
    )
    return bands.reset_index()
