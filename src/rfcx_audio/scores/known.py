"""Labels of scored windows and recordings; the names of the key columns."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from rfcx_audio.batch import Labels
from rfcx_audio.data import Annotations, complete_labels, label_recording, label_windows, rows_of
from rfcx_audio.data.labels import true_windows

WINDOW = ("recording_id", "t_min", "t_max")
"""The key columns of a table of window scores; no other module lists them."""

RECORDING = WINDOW[:1]
"""The key column of a table of recording scores."""


def label_keys(
    keys: pd.DataFrame, num_species: int, annotations: Annotations, min_overlap: float
) -> Labels:
    """The labels of windows, or of recordings.

    Args:
        keys: the columns of `WINDOW` (times in s), or those of `RECORDING`.
        num_species: width of the labels.
        annotations: if they are complete, a species without a row is absent.
        min_overlap: for windows, see `label_windows`.

    Returns:
        (rows, species) labels; unknown where no row of the annotations applies.

    Raises:
        ValueError: windows are to be labelled, and a row of the annotations has no times.
    """
    rows, complete = annotations.rows, annotations.complete
    windows = tuple(keys) == WINDOW
    if windows and rows[["t_min", "t_max"]].isna().to_numpy().any():
        raise ValueError(
            f"{rows['source'].iloc[0]} names no times (t_min, t_max), which labelling windows needs"
        )
    by_recording = {str(name): part for name, part in rows.groupby("recording_id")}
    labels = Labels(*torch.zeros(2, len(keys), num_species))
    for name, places in keys.groupby(RECORDING[0]).indices.items():
        if str(name) not in by_recording and not complete:
            continue
        own = by_recording.get(str(name), rows.iloc[:0])
        if windows:
            found = _label_windows(own, keys.iloc[places], num_species, min_overlap, complete)
        elif complete:
            found = complete_labels(own["species_id"].to_list(), num_species)
        else:
            found = label_recording(rows_of(own), num_species)
        for whole, part in zip(labels, found, strict=True):
            whole[torch.from_numpy(places)] = part
    return labels


def _label_windows(
    rows: pd.DataFrame, windows: pd.DataFrame, num_species: int, min_overlap: float, complete: bool
) -> Labels:
    """The labels of one recording's windows."""
    label = true_windows if complete else label_windows
    starts_s = torch.tensor(windows["t_min"].to_numpy(dtype="float64", copy=True))
    duration_s = float((windows["t_max"] - windows["t_min"]).iloc[0])
    return label(rows_of(rows), starts_s, duration_s, num_species, min_overlap)


def as_arrays(scores: Tensor, labels: Labels) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(rows, species) each: scores (float64), presence (bool), and weight of the label."""
    if not scores.shape == labels.target.shape == labels.known.shape or scores.ndim != 2:
        shapes = [tuple(part.shape) for part in (scores, *labels)]
        raise ValueError(f"scores, target and known are {shapes}; expected (rows, species) thrice")
    weight = labels.known.double().numpy()
    values = scores.double().numpy()
    if not ((values >= 0) & (values <= 1) | (weight == 0)).all():
        raise ValueError("a known cell has a score that is no probability; apply a sigmoid first")
    return values, (labels.target >= 0.5).numpy(), weight
