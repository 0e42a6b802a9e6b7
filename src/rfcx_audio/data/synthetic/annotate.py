"""What annotators label in planned recordings: the whole truth, or one cell in twelve."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import numpy as np
import pandas as pd

from rfcx_audio.data.synthetic.false_alarms import false_alarms
from rfcx_audio.data.synthetic.scene import Scene
from rfcx_audio.data.synthetic.templates import Songs, Template

BOX_COLUMNS = ("recording_id", "species_id", "songtype_id", "t_min", "f_min", "t_max", "f_max")
TRUTH_COLUMNS = ("split", *BOX_COLUMNS, "snr_db", "individual")

Row = tuple[str | int | float, ...]


def truth_table(scenes: Sequence[Scene]) -> pd.DataFrame:
    """Every call of every species, one row each, in the order of the recordings."""
    rows = [
        (scene.split, *_box(scene, s.box, s.t_min), s.caller.snr_db, s.caller.name)
        for scene in sorted(scenes, key=lambda scene: (scene.split, scene.recording_id))
        for s in sorted(scene.sounds, key=lambda sound: sound.t_min)
        if s.kind == "call"
    ]
    return pd.DataFrame(rows, columns=list(TRUTH_COLUMNS)).round(4)


def tp_rows(rng: np.random.Generator, scenes: Sequence[Scene]) -> pd.DataFrame:
    """One confirmed row for each focal species: a call of its loudest caller with that song.

    Numbers have 6 significant digits, as in RFCX's `train_tp.csv`.
    """
    rows = []
    for scene in scenes:
        if scene.focal is None:
            continue
        # A template finds calls in its box, and of these at least one caller is.
        own = [s for s in scene.sounds if s.kind == "call" and s.template == scene.focal]
        calls = [call for call in own if call.box == scene.focal]
        loudest = max(call.caller.snr_db for call in calls)
        good = [call for call in calls if call.caller.snr_db == loudest]
        rows.append(_box(scene, scene.focal, good[rng.integers(len(good))].t_min))
    table = _table(rows)
    numbers = ["t_min", "f_min", "t_max", "f_max"]
    return table.assign(**{name: [float(f"{x:.6g}") for x in table[name]] for name in numbers})


def fp_rows(
    rng: np.random.Generator,
    scenes: Sequence[Scene],
    songs: Songs,
    fp_per_species: int,
    duration_s: float,
) -> pd.DataFrame:
    """Refuted rows, equally many of each species, at most one of a species in a recording.

    Numbers have 4 decimals, as in RFCX's `train_fp.csv`.

    Raises:
        ValueError: a species calls nearly everywhere, so that too few windows are without it.
    """
    by_id = {scene.recording_id: scene for scene in scenes}
    rows = []
    for species in songs:
        alarms = false_alarms(rng, scenes, songs, species, duration_s)
        hits = list(islice(alarms, fp_per_species))
        if len(hits) < fp_per_species:
            raise ValueError(
                f"only {len(hits)} of {len(scenes)} training recordings have a window without "
                f"species {species}, {fp_per_species} are needed; raise num_train or lower "
                "fp_per_species"
            )
        rows += [_box(by_id[hit.recording_id], hit.template, hit.t_min) for hit in hits]
    return _table(rows).round(4)


def _box(scene: Scene, song: Template, t_min: float) -> Row:
    """The values of `BOX_COLUMNS`."""
    classes = (song.species_id, song.songtype_id)
    return (scene.recording_id, *classes, t_min, song.f_min, t_min + song.duration_s, song.f_max)


def _table(rows: list[Row]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=list(BOX_COLUMNS))
    return table.sort_values(["recording_id", "t_min"], ignore_index=True)
