"""The oracle that tests of losses share: numpy, cell by cell."""

from __future__ import annotations

from collections.abc import Callable
from math import exp, log

import numpy as np
import torch
from torch import Tensor

from rfcx_audio.batch import CellLoss, CropLabels, Labels, Logits, unknown_labels

NAN = float("nan")


def cells(
    seed: int = 0, batch: int = 5, species: int = 6, hard: bool = False
) -> tuple[Tensor, Tensor, Tensor]:
    """Logits; targets, NaN where nothing is known; `known`, 1, 0.5 (unless hard) and 0."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 3, (batch, species))
    known = rng.choice([0.0, 1.0] if hard else [0.0, 0.0, 0.5, 1.0], (batch, species))
    target = np.where(known > 0, rng.integers(0, 2, (batch, species)), NAN)
    return torch.tensor(logits), torch.tensor(target), torch.tensor(known)


def given(
    logits: Tensor, target: Tensor, known: Tensor, rows: Tensor | None = None
) -> tuple[Logits, CropLabels]:
    """What a module gets."""
    labels = unknown_labels(*logits.shape)._replace(clip=Labels(target, known), rows=rows)
    return Logits(logits, logits[:, None]), labels


def sigmoid(logit: float) -> float:
    return 1 / (1 + exp(-logit))


def bce(logit: float, target: float) -> float:
    p = sigmoid(logit)
    return -target * log(p) - (1 - target) * log(1 - p)


CellFunction = Callable[[int, int], float]


def looped(
    logits: Tensor, target: Tensor, known: Tensor, unknown_loss: CellFunction, weight: CellFunction
) -> tuple[np.ndarray, np.ndarray]:
    """What each cell costs in all (value times weight), and its weight."""
    cost, total = np.zeros(logits.shape), np.zeros(logits.shape)
    for row, column in np.ndindex(*logits.shape):
        k, z = known[row, column].item(), logits[row, column].item()
        u = weight(row, column) * (1 - k)
        known_loss = k * bce(z, target[row, column].item()) if k > 0 else 0.0
        cost[row, column] = known_loss + (u * unknown_loss(row, column) if u > 0 else 0.0)
        total[row, column] = k + u
    return cost, total


def same(ours: CellLoss, theirs: tuple[np.ndarray, np.ndarray]) -> None:
    """Asserts that a loss equals that of a loop."""
    np.testing.assert_allclose((ours.value * ours.weight).detach().numpy(), theirs[0], atol=1e-10)
    np.testing.assert_allclose(ours.weight.numpy(), theirs[1], atol=1e-12)
