"""A head fitted anew on stored features, compared with scikit-learn on the same windows."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import soundfile
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

import rfcx_audio
from benchmarks.timing import Row, timed_in_turn

_SPECIES, _RECORDINGS, _WINDOWS, _WIDTH = 24, 500, 39, 1_024
_RATE, _HOP_S, _WINDOW_S = 8_000, 1.5, 3.0
_LIMIT_S = 10.0


def refit_rows(repeats: int) -> Iterator[Row]:
    """Times the training of a head on 1 000 TP and 1 000 FP rows of 24 species, once embedded.

    Ours is all of `rfcx_audio.train` with its defaults, from reading the tables to the pictures,
    without the start of Python and its imports; the reference fits a logistic regression a species
    on the windows of its rows, which it is given.

    Args:
        repeats: number of times.
    """
    with TemporaryDirectory() as folder:
        root = Path(folder)
        features, labels = _write(root)
        words = [
            *("model=features", "data=rfcx", f"data.root={root}", f"data.store={root / 'store'}"),
            *("data.pasted=null", "callbacks.progress.refresh_rate=0"),
        ]
        calls: dict[str, Callable[[], object]] = {
            "train": lambda: _quietly(lambda: rfcx_audio.train(*words, out=root / "run")),
            "scikit-learn": lambda: _quietly(lambda: _logistic(features, labels)),
        }
        times = timed_in_turn(calls, repeats)
    group = "a head refitted, 24 species, 2 000 rows"
    pairs = list(zip(times["train"], times["scikit-learn"], strict=True))
    yield Row(group, "train", "scikit-learn", "s", pairs, None)
    pairs = [(seconds, _LIMIT_S) for seconds in times["train"]]
    yield Row(group, "train", "a limit of ten seconds", "s", pairs, 1.0)


def _write(root: Path) -> tuple[np.ndarray, pd.DataFrame]:
    """Silent recordings, rows, and a store of made-up features; returns these and the rows."""
    draw = np.random.default_rng(0)
    names = [f"r{number:03d}" for number in range(_RECORDINGS)]
    (root / "train").mkdir()
    seconds = _WINDOW_S + (_WINDOWS - 1) * _HOP_S
    for name in names:
        path = root / "train" / f"{name}.flac"
        soundfile.write(path, np.zeros(round(seconds * _RATE), np.int16), _RATE)
    columns = ["recording_id", "species_id", "songtype_id", "t_min", "f_min", "t_max", "f_max"]
    tables = []
    for file in ("train_tp.csv", "train_fp.csv"):
        place = draw.integers(0, _WINDOWS, 2 * _RECORDINGS)
        table = pd.DataFrame(
            {
                "recording_id": np.repeat(names, 2),
                "species_id": np.arange(2 * _RECORDINGS) % _SPECIES,
                "songtype_id": 1,
                "t_min": place * _HOP_S + 1.0,
                "f_min": 500.0,
                "t_max": place * _HOP_S + 2.0,
                "f_max": 1_500.0,
            }
        )
        table[columns].to_csv(root / file, index=False)
        first = np.repeat(np.arange(_RECORDINGS), 2) * _WINDOWS
        tables.append(table.assign(present=file == "train_tp.csv", window=first + place))
    features = draw.standard_normal((_RECORDINGS * _WINDOWS, _WIDTH), np.float32)
    _write_store(root / "store", names, features)
    return features, pd.concat(tables, ignore_index=True)


def _write_store(folder: Path, names: list[str], features: np.ndarray) -> None:
    folder.mkdir()
    encoder = {
        "_target_": "rfcx_audio.encoders.OnnxEncoder",
        "file": "none.onnx",
        "sha256": "0" * 64,
        "num_features": _WIDTH,
        "sample_rate": _RATE,
        "window_s": _WINDOW_S,
    }
    settings = {"encoder": encoder, "window_s": _WINDOW_S, "hop_s": _HOP_S, "gain_db": 0.0}
    settings |= {"sample_rate": _RATE, "channel": "mean", "dtype": "float16"}
    (folder / "settings.json").write_text(json.dumps(settings))
    starts = np.tile(np.arange(_WINDOWS) * _HOP_S, len(names))
    of_each, stops = np.repeat(names, _WINDOWS), starts + _WINDOW_S
    keys = {"recording_id": of_each, "t_min": starts, "t_max": stops}
    pd.DataFrame(keys).to_parquet(folder / "windows.parquet", index=False)
    np.save(folder / "features.npy", features.astype(np.float16))


def _logistic(features: np.ndarray, rows: pd.DataFrame) -> None:
    scaled = StandardScaler().fit_transform(features[rows["window"]])
    for species in range(_SPECIES):
        own = (rows["species_id"] == species).to_numpy()
        LogisticRegression(C=0.01, max_iter=500).fit(scaled[own], rows["present"][own])


def _quietly(call: Callable[[], object]) -> None:
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        call()
