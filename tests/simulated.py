"""Scores with a known distortion, for tests of calibration and thresholds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from scipy.special import expit, logit

from rfcx_audio.batch import Labels
from rfcx_audio.scores import Scores, species_columns


def simulated(
    rows: int, slopes: list[float], intercepts: list[float], seed: int = 0, known: float = 1.0
) -> tuple[torch.Tensor, Labels]:
    """Scores s whose true probabilities are sigmoid(slope * logit(s) + intercept)."""
    rng = np.random.default_rng(seed)
    scores = expit(rng.normal(0, 2, (rows, len(slopes))))
    target = rng.random(scores.shape) < expit(slopes * logit(scores) + np.array(intercepts))
    labelled = torch.tensor(rng.random(scores.shape) < known).double()
    return torch.tensor(scores), Labels(torch.tensor(target).double(), labelled)


def of_recordings(values: torch.Tensor, recordings: Sequence[str]) -> Scores:
    """Scores of windows, with the recording of each."""
    starts_s = np.arange(len(values), dtype=float)
    keys = pd.DataFrame({"recording_id": recordings, "t_min": starts_s, "t_max": starts_s + 1})
    return Scores(keys, values.numpy(), tuple(species_columns(values.shape[1])))
