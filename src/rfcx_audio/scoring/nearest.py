"""The windows of a store whose features are nearest to others, exactly."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from rfcx_audio.scores import WINDOW

_ROWS_AT_ONCE = 2**12  # 16 MB of 1 024 features as float32, which a CPU's cache holds best
_ROUNDING_S = 1e-6


def similarities(features: np.ndarray, queries: Tensor) -> np.ndarray:
    """The cosine similarity of features to the nearest of some queries.

    Computed in float32 and stretch by stretch, so that features mapped from a disk are read once.

    Args:
        features: (windows, features) of any floating type; only read.
        queries: (queries, features), at least one.

    Returns:
        (windows,) float32 in [-1, 1]; 0 for features that are all 0.

    Raises:
        ValueError: the features are of different widths.
    """
    if features.shape[1] != queries.shape[1]:
        raise ValueError(
            f"{features.shape[1]} features a window in the store, {queries.shape[1]} in the "
            "example; embed it with the encoder of the store"
        )
    directions = torch.nn.functional.normalize(queries.float(), dim=1).T.contiguous()
    found = np.empty(len(features), np.float32)
    for first in range(0, len(features), _ROWS_AT_ONCE):
        # A copy, as torch wants no array that cannot be written to.
        part = torch.from_numpy(np.array(features[first : first + _ROWS_AT_ONCE])).float()
        lengths = torch.linalg.vector_norm(part, dim=1)
        nearest = (part @ directions).amax(1) / lengths.clamp_min(torch.finfo(part.dtype).tiny)
        found[first : first + _ROWS_AT_ONCE] = nearest.clamp(-1, 1).numpy()
    return found


def nearest(
    keys: pd.DataFrame,
    similarity: np.ndarray,
    top: int,
    min_gap_s: float,
    per_recording: int | None = None,
) -> np.ndarray:
    """The rows of the nearest windows, the nearest first; of equal ones, the first in the store.

    Args:
        keys: `recording_id` and `t_min` (s) of the windows.
        similarity: (windows,) of each.
        top: how many to return at most.
        min_gap_s: between the starts of two of them in one recording; of nearer ones the most
            similar is returned.
        per_recording: how many of one recording at most; None: any number.

    Raises:
        ValueError: a number is out of its range.
    """
    for name, value in (("top", top), ("per_recording", per_recording)):
        if value is not None and value < 1:
            raise ValueError(f"{name} = {value}; expected 1 or more")
    if min_gap_s < 0:
        raise ValueError(f"min_gap_s = {min_gap_s}; expected 0 s or more")
    names, starts_s = (keys[column].to_numpy() for column in WINDOW[:2])
    chosen: list[int] = []
    taken: dict[str, list[float]] = defaultdict(list)
    for row in np.argsort(-similarity, kind="stable"):
        of_recording, start_s = taken[names[row]], starts_s[row]
        if len(of_recording) == per_recording or any(
            abs(start_s - other) < min_gap_s - _ROUNDING_S for other in of_recording
        ):
            continue
        of_recording.append(start_s)
        chosen.append(int(row))
        if len(chosen) == top:
            break
    return np.array(chosen, int)
