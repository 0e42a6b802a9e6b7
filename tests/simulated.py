"""Scores that are wrong in a known way, shared by the tests of what mends them."""

from __future__ import annotations

import numpy as np
import torch
from scipy.special import expit, logit

from rfcx_audio.batch import Labels


def simulated(
    rows: int, slopes: list[float], intercepts: list[float], seed: int = 0, known: float = 1.0
) -> tuple[torch.Tensor, Labels]:
    """Scores s whose true probabilities are sigmoid(slope * logit(s) + intercept)."""
    rng = np.random.default_rng(seed)
    scores = expit(rng.normal(0, 2, (rows, len(slopes))))
    target = rng.random(scores.shape) < expit(slopes * logit(scores) + np.array(intercepts))
    said = torch.tensor(rng.random(scores.shape) < known).double()
    return torch.tensor(scores), Labels(torch.tensor(target).double(), said)
