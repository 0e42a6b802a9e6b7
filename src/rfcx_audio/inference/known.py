"""What somebody has said about scored windows, as labels beside the scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from rfcx_audio.batch import Labels
from rfcx_audio.data import label_windows, read_rfcx, rows_of
from rfcx_audio.data.annotations import RFCX_COLUMNS
from rfcx_audio.data.labels import true_windows


def read_known(place: Path, keys: pd.DataFrame, num_species: int, min_overlap: float) -> Labels:
    """What a folder of TP and FP rows, or a table of every call, says of windows.

    Args:
        place: a folder with `train_tp.csv` and `train_fp.csv`, or a file like `truth.csv`.
        keys: see `known_cells`.
        num_species: see `known_cells`.
        min_overlap: see `known_cells`.

    Returns:
        Labels, each (windows, species).
    """
    complete = not place.is_dir()
    if complete:
        rows = pd.read_csv(place, dtype={"recording_id": str}).assign(present=True, weight=1.0)
    else:
        rows = read_rfcx(place, num_species)
    return known_cells(keys, num_species, rows, min_overlap, complete)


def known_cells(
    keys: pd.DataFrame, num_species: int, rows: pd.DataFrame, min_overlap: float, complete: bool
) -> Labels:
    """What rows say of windows.

    Args:
        keys: `recording_id`, `t_min`, `t_max` (s) of the windows.
        num_species: width of the labels.
        rows: as `read_rfcx` returns them.
        min_overlap: see `label_windows`.
        complete: whether the rows are all calls of these recordings, so that every other species
            is absent.

    Returns:
        Labels, each (windows, species).

    Raises:
        ValueError: a column of the rows is missing.
    """
    lacking = [column for column in RFCX_COLUMNS if column not in rows]
    if lacking:
        raise ValueError(
            f"the truth lacks the column(s) {', '.join(lacking)}, which tell the windows of a call"
        )
    label = true_windows if complete else label_windows
    by_recording = {str(name): part for name, part in rows.groupby("recording_id")}
    labels = Labels(*torch.zeros(2, len(keys), num_species))
    for name, places in keys.groupby("recording_id").indices.items():
        if str(name) not in by_recording and not complete:
            continue
        told = rows_of(by_recording.get(str(name), rows.iloc[:0]))
        windows = keys.iloc[places]
        starts_s = torch.tensor(windows["t_min"].to_numpy(copy=True))
        duration_s = float((windows["t_max"] - windows["t_min"]).iloc[0])
        found = label(told, starts_s, duration_s, num_species, min_overlap)
        for whole, part in zip(labels, found, strict=True):
            whole[torch.from_numpy(places)] = part
    return labels


def as_arrays(scores: Tensor, labels: Labels) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(rows, species): scores in float64, what is present, and how surely that is known."""
    if not scores.shape == labels.target.shape == labels.known.shape or scores.ndim != 2:
        shapes = [tuple(part.shape) for part in (scores, *labels)]
        raise ValueError(f"scores, target and known are {shapes}; expected (rows, species) thrice")
    weight = labels.known.double().numpy()
    values = scores.double().numpy()
    if not ((values >= 0) & (values <= 1) | (weight == 0)).all():
        raise ValueError("a known cell has a score that is no probability; apply a sigmoid first")
    return values, (labels.target >= 0.5).numpy(), weight
