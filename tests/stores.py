"""Small recordings with labels by name, and stores of their features."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from rfcx_audio.data import AudioReader, FeatureStore
from rfcx_audio.encoders import EncoderFrontend
from rfcx_audio.scoring import Embedder
from rfcx_audio.scoring.archive import LocalEngine, embed_archive
from tiny_encoders import Bands

RATE, DURATION_S, WINDOW_S, HOP_S, WIDTH = 1_000, 3.0, 0.5, 0.25, 5
NAMES = ("Loud one", "Quiet: one")


def write_data(root: Path, count: int = 10, names: tuple[str, ...] = NAMES) -> Path:
    """Noise with a call each in `root/audio`, `labels.csv` beside it; calls differ in loudness."""
    rng, rows = np.random.default_rng(0), []
    (root / "audio").mkdir(parents=True)
    for number in range(count):
        species = number % len(names)
        sound = 0.01 * rng.standard_normal(round(RATE * DURATION_S))
        start = rng.uniform(0, DURATION_S - 0.4)
        first = round(start * RATE)
        sound[first : first + 400] += (0.5, 0.1)[species % 2] * rng.uniform(-1, 1, 400)
        name = f"site {number % 3}/é{number:02d}"
        path = root / "audio" / f"{name}.wav"
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, sound, RATE, subtype="FLOAT")
        rows.append((name, names[species], start, start + 0.4, 100, 400, 1))
        rows.append((name, names[species - 1], start, start + 0.4, 100, 400, 0))
    columns = ["recording_id", "species", "t_min", "t_max", "f_min", "f_max", "present"]
    pd.DataFrame(rows, columns=pd.Index(columns)).to_csv(root / "labels.csv", index=False)
    return root


def encoder(folder: Path, width: int = WIDTH) -> Bands:
    """An encoder of windows of half a second."""
    file = folder / f"weights{width}.txt"
    file.write_text("x\n" * width)
    made = Bands(str(file), RATE, WINDOW_S)
    return Bands(str(file), RATE, WINDOW_S, sha256=made.sha256, num_features=width)


def frontend(folder: Path, hop_s: float = HOP_S, width: int = WIDTH) -> EncoderFrontend:
    """Windows that overlap by half."""
    return EncoderFrontend(encoder(folder, width), hop_s)


def write_store(root: Path, paths: dict[str, Path], made_by: EncoderFrontend) -> FeatureStore:
    """The features of recordings in float32, in `root/store`."""
    embedder = Embedder(AudioReader(made_by.sample_rate), made_by)
    growing = embed_archive(LocalEngine(), lambda: embedder, paths, root / "store", "float32")
    return growing.join()


def recordings(root: Path) -> dict[str, Path]:
    """The audio of `write_data` by id."""
    audio = root / "audio"
    found = sorted(audio.rglob("*.wav"))
    return {path.relative_to(audio).with_suffix("").as_posix(): path for path in found}


def words(root: Path, *more: str) -> list[str]:
    """Overrides of a run on the data of `write_data`, with the store beside them."""
    return [
        *("model=features", "data=table", f"data.root={root}", f"data.store={root / 'store'}"),
        *("trainer.max_epochs=1", "data.crops.crops_per_epoch=16", "data.batch_size=8"),
        *("data.folds.num_folds=2", "callbacks.progress.refresh_rate=0", *more),
    ]
