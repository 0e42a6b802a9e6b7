"""A data set as a user has it: stereo recordings of two sites and Raven tables, by name.

The sounds are those of the synthetic rainforest, written at two thirds of their sample rate: calls
are one and a half times as long and two thirds as high, so that neither species nor bands are those
that the library knows.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from rfcx_audio.data import rfcx_templates
from rfcx_audio.data.synthetic import Rainforest, plan_rainforest, render
from rfcx_audio.data.synthetic.scene import Scene

RATE = 32_000
STRETCH = 1.5  # 48 kHz written as 32 kHz
DURATION_S = 12.0 * STRETCH
SPECIES = {
    3: "Café toad",
    18: "O'Hara's frog",
    12: "Rail: long call",
    7: "Øre cricket",
    15: "Dusk dove",
    0: "Petit-duc doré",
    22: "Bell bug 2",
}
"""Invented names of seven of the synthetic species; the others call as well, without any label."""

SITES = ("marsh", "ridge")
HOURS = (0, 4, 5, 6, 12, 18)
NEW_DAYS = 2
CHECKED_DAY = "20210614"
RECIPE = Rainforest(
    seed=5,
    num_train=144,
    num_test=len(SITES) * len(HOURS) * NEW_DAYS,
    duration_s=DURATION_S / STRETCH,
    tp_per_species=6,
    fp_per_species=6,
    species_per_recording=4.0,
    skew=0.5,
    call_gap_s=(2.0, 5.0),
    snr_db=(15.0, 27.0),
)
_COLUMNS = ["Selection", "View", "Channel", "Begin Time (s)", "End Time (s)", "Low Freq (Hz)"]
_COLUMNS += ["High Freq (Hz)", "Begin Path", "File Offset (s)", "Species", "Present"]


def write_own_data(root: Path) -> None:
    """Writes `labelled/` (audio and tables), `new/` (audio) and `checked/` (tables of some of it).

    Of `labelled/`, the marsh has one Raven table for all its recordings, the ridge one for each of
    them; `Present` is 1 where a call is confirmed and 0 where a species is ruled out. The tables of
    `checked/` have every call of the seven species in half of the new recordings.

    Args:
        root: the folder that receives the three.
    """
    plan = plan_rainforest(RECIPE, rfcx_templates())
    rows = pd.concat([plan.train_tp.assign(present=1), plan.train_fp.assign(present=0)])
    rows = rows[rows["species_id"].isin(SPECIES)]
    named = set(rows["recording_id"])
    train = [scene for scene in plan.scenes if scene.recording_id in named]
    test = [scene for scene in plan.scenes if scene.split == "test"]
    labelled = _write_audio(root / "labelled", train, datetime(2021, 6, 1))
    new = _write_audio(root / "new", test, datetime(2021, 6, 14))
    marsh = {name: path for name, path in labelled.items() if path.parent.name == "marsh"}
    _write_raven(root / "labelled" / "marsh.selections.txt", rows, marsh)
    calls = plan.truth.assign(present=1)
    for name, path in {**labelled, **new}.items():
        table = f"{path.parent.name}/{path.stem}.Table.1.selections.txt"
        if path.parent.parent.name == "labelled" and name not in marsh:
            _write_raven(root / "labelled" / table, rows, {name: path})
        elif path.parent.parent.name == "new" and path.stem.startswith(CHECKED_DAY):
            _write_raven(root / "checked" / table, calls, {name: path})


def _write_audio(folder: Path, scenes: list[Scene], first: datetime) -> dict[str, Path]:
    """Renders scenes into files named after sites and times; their paths by the scene's name."""
    paths = {}
    times = (first + timedelta(days=day, hours=hour) for day in count() for hour in HOURS)
    slots = ((site, time) for time in times for site in SITES)
    for scene, (site, time) in zip(scenes, slots, strict=False):
        path = folder / site / f"{time:%Y%m%d_%H%M%S}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, _stereo(render(scene, RECIPE), scene.number), RATE)
        paths[scene.recording_id] = path
    return paths


def _write_raven(table: Path, rows: pd.DataFrame, paths: dict[str, Path]) -> None:
    """A selection table of recordings that were opened one after the other."""
    lines = ["\t".join(_COLUMNS)]
    for place, (name, path) in enumerate(paths.items()):
        for row in rows[rows["recording_id"] == name].itertuples():
            if row.species_id not in SPECIES:
                continue
            t_min, t_max = (time * STRETCH for time in (row.t_min, row.t_max))
            begin, end = (place * DURATION_S + time for time in (t_min, t_max))
            low, high = row.f_min / STRETCH, row.f_max / STRETCH
            file = "\\".join(("E:", *path.parts[-3:]))
            cells = [f"{value:.4f}" for value in (begin, end, low, high)]
            cells += [file, f"{t_min:.4f}", SPECIES[row.species_id], str(row.present)]
            lines.append("\t".join([str(len(lines)), "Spectrogram 1", "1", *cells]))
    table.parent.mkdir(parents=True, exist_ok=True)
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _stereo(mono: np.ndarray, seed: int) -> np.ndarray:
    """(samples, 2): the second channel is quieter, and noisier."""
    noise = np.random.default_rng(seed).normal(0, 1e-3, len(mono))
    return np.stack([mono, 0.5 * mono + noise], axis=1)
