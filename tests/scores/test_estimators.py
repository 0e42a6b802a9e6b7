from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import expit
from scipy.stats import norm

from rfcx_audio.scores.estimators import (
    Moments,
    confusion_prevalence,
    em_prevalence,
    mixture_prevalence,
)

SHARES = torch.tensor([0.7, 0.3, 0.08], dtype=torch.float64)


def em_loop(scores: np.ndarray, made_under: float, weight: np.ndarray) -> float:
    prior = made_under
    for _ in range(20_000):
        odds = scores / (1 - scores) * prior / (1 - prior) * (1 - made_under) / made_under
        corrected = odds / (1 + odds)
        prior = ((weight * corrected).sum() + 0.5) / (weight.sum() + 1)
    return prior


def test_em_is_the_fixed_point_of_the_published_iteration() -> None:
    rng = np.random.default_rng(0)
    scores = expit(rng.normal(0, 2, (2, 40, 3)))
    weight = rng.integers(0, 3, (2, 40)).astype(float)
    made_under = np.array([[0.5, 0.3, 0.2], [0.4, 0.1, 0.9]])
    found = em_prevalence(*(torch.from_numpy(part) for part in (scores, made_under, weight)))
    for resample in range(2):
        for species in range(3):
            expected = em_loop(
                scores[resample, :, species], made_under[resample, species], weight[resample]
            )
            assert found[resample, species].item() == pytest.approx(expected, abs=1e-7)


def test_em_finds_the_prior_of_calibrated_scores() -> None:
    rng = np.random.default_rng(1)
    present = rng.random((20_000, 3)) < SHARES.numpy()
    logits = rng.normal(size=present.shape) * np.sqrt(2) + np.where(present, 1, -1)
    found = em_prevalence(torch.from_numpy(expit(logits)), torch.full((3,), 0.5))
    torch.testing.assert_close(found, SHARES, atol=0.02, rtol=0)


def test_the_confusion_matrix_is_inverted_and_held_in_bounds() -> None:
    present, absent = torch.tensor([0.9, 0.8, 0.6, 0.4]), torch.tensor([0.2, 0.1, 0.2, 0.5])
    mixed = 0.3 * present + 0.7 * absent
    mixed[2] = 0.1
    found = confusion_prevalence(mixed, present, absent)
    torch.testing.assert_close(found, torch.tensor([0.3, 0.3, 0.0, 0.5]))


def test_the_mixture_equals_a_plain_loop() -> None:
    rng = np.random.default_rng(2)
    logits, weight = rng.normal(0, 2, (30, 2)), rng.integers(0, 3, 30).astype(float)
    known = [(6.0, [1.5, 0.5], 4.0), (0.8, [-1.0, 1.0], 1.0)]  # number, means, deviation
    present, absent = (
        Moments(*(torch.tensor(v).double().expand(2) for v in values)) for values in known
    )
    found = mixture_prevalence(torch.from_numpy(logits), torch.from_numpy(weight), present, absent)
    common = 5 / 6.8
    for s in range(2):
        m1, v1 = known[0][1][s], (4 + 4 * common) / 10
        m0, v0, prior = min(known[1][1][s], m1), common, 0.5
        for _ in range(150):
            there = prior * norm.pdf(logits[:, s], m1, v1**0.5)
            lacks = (1 - prior) * norm.pdf(logits[:, s], m0, v0**0.5)
            q = weight * lacks / (there + lacks)
            prior = 1 - (q.sum() + 0.5) / (weight.sum() + 1)
            m0 = (q @ logits[:, s] + 0.8 * known[1][1][s]) / (q.sum() + 0.8)
            m0 = min(m0, m1)
            away = q @ (logits[:, s] - m0) ** 2 + 1 + 0.8 * (known[1][1][s] - m0) ** 2
            v0 = (away + 4 * common) / (q.sum() + 0.8 + 4)
        assert found[s].item() == pytest.approx(prior, abs=1e-9)
