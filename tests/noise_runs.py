"""Trainings of seconds on invented noise, with the labels of a table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from quick import SECONDS

RATE = 8000
SMALL = [
    *SECONDS,
    *("data=table", "data.num_species=2", f"data.sample_rate={RATE}", "data.batch_size=4"),
    *("frontend.n_fft=512", "frontend.hop_length=256", "frontend.n_mels=32"),
    *("frontend.f_max=3500", "data.crop_duration_s=1.0", "data.crops.crops_per_epoch=8"),
    *("trainer.check_val_every_n_epoch=1", "callbacks.report.num_pictures=0"),
]
PRESENT_ONLY = [(f"{name}{n}", "Wren", 1) for n in range(2) for name in ("a", "b")]


def write_labels(folder: Path, rows: list[tuple[str, str, int]]) -> Path:
    """Noise of 4 s, and a table of rows from 1 to 2 s: recording, species, present."""
    folder.mkdir()
    for name in {row[0] for row in rows}:
        noise = np.random.default_rng(len(name)).uniform(-0.3, 0.3, 4 * RATE)
        soundfile.write(folder / f"{name}.wav", noise, RATE)
    table = pd.DataFrame(rows, columns=pd.Index(["recording_id", "species", "present"]))
    table.assign(t_min=1.0, t_max=2.0).to_csv(folder / "labels.csv", index=False)
    return folder


def words(folder: Path, *more: str) -> list[str]:
    """Overrides for a run on what `write_labels` wrote to `folder/data`."""
    root = [f"data.root={folder}/data", f"paths.output_dir={folder}/run"]
    return [*SMALL, *root, "data.folds.num_folds=2", *more]
