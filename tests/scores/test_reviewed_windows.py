"""Reviewed random windows as evidence about the prevalence in recordings."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.special import expit
from scipy.stats import binom, norm

from rfcx_audio.scores.known_scores import KnownScores
from rfcx_audio.scores.prevalence import Beliefs, estimate_prevalence
from rfcx_audio.scores.reviewed_windows import ReviewedWindows, reviewed_likelihood

SHARES = torch.tensor([0.05, 0.3, 0.6, 0.95], dtype=torch.float64)


def reviewed(present: list[float], judged: list[float], windows: float) -> ReviewedWindows:
    return ReviewedWindows(torch.tensor(present), torch.tensor(judged), windows)


def unknown_scores(
    recordings: int, species: int, seed: int = 0
) -> tuple[torch.Tensor, KnownScores]:
    """Scores that have nothing to do with the species."""
    rng = np.random.default_rng(0)
    scores, known = (
        expit(rng.normal(size=(recordings, species))),
        expit(rng.normal(size=(40, species))),
    )
    is_tp = np.arange(40)[:, None] < 20
    parts = np.where(is_tp, known, np.nan), np.where(is_tp, np.nan, known), np.where(is_tp, 0, 1.0)
    share = parts[2] * np.ones(species)
    return torch.from_numpy(scores), KnownScores(*map(torch.from_numpy, (*parts[:2], share)))


def test_one_window_a_recording_is_a_sample_of_recordings() -> None:
    found = reviewed_likelihood(SHARES, reviewed([3.0, 0.0], [10.0, 8.0], 1.0), (0.0, 1.5))
    for column, (k, n) in enumerate(((3, 10), (0, 8))):
        expected = binom.pmf(k, n, SHARES.numpy())
        np.testing.assert_allclose(found[:, column], expected / expected.max(), rtol=1e-6)


def test_the_filled_share_of_a_recording_is_averaged_over() -> None:
    found = reviewed_likelihood(SHARES, reviewed([4.0], [30.0], 10.0), (-0.5, 0.8))[:, 0]

    def likelihood(share: float) -> float:
        def of(z: float) -> float:
            filled = 0.1 + 0.9 * expit(-0.5 + 0.8 * z)
            return binom.pmf(4, 30, share * filled) * norm.pdf(z)

        return quad(of, -8, 8)[0]

    expected = np.array([likelihood(share) for share in SHARES.tolist()])
    np.testing.assert_allclose(found, expected / expected.max(), rtol=2e-3)


def test_intervals_with_reviewed_windows_hold_the_prevalence() -> None:
    """Of species of which the scores tell nothing, drawn as `Beliefs` has them."""
    rng, beliefs, inside = np.random.default_rng(0), Beliefs(draws=64), []
    scores, known = unknown_scores(60, 12)
    known.absent[:] = torch.nan
    for _ in range(100):
        share = expit(rng.normal(*beliefs.prevalence, 12))
        filled = 0.1 + 0.9 * expit(rng.normal(*beliefs.filled, 12))
        present = rng.binomial(20, share * filled)
        evidence = ReviewedWindows(torch.from_numpy(present), torch.full((12,), 20), 10.0)
        found = estimate_prevalence(scores, known, beliefs, evidence)
        inside.append((found.low.numpy() <= share) & (share <= found.high.numpy()))
    assert 0.88 <= np.mean(inside) <= 0.93


def test_few_reviewed_windows_tell_frequent_species_from_rare_ones() -> None:
    scores, known = unknown_scores(150, 3)
    before = estimate_prevalence(scores, known)
    evidence = reviewed([9.0, 0.0, 0.0], [20.0, 20.0, 0.0], 10.0)
    after = estimate_prevalence(scores, known, reviewed=evidence)
    assert before.low[0] < 0.3 < after.low[0]
    assert after.high[1] < 0.65 < before.high[1]
    assert after.estimate[2] == pytest.approx(float(before.estimate[2]))


def test_a_species_without_rows_is_estimated_from_reviewed_windows_alone() -> None:
    scores, known = unknown_scores(50, 2)
    known.absent[:] = torch.nan
    evidence = reviewed([12.0, 0.0], [16.0, 0.0], 1.0)
    found = estimate_prevalence(scores, known, reviewed=evidence)
    assert found.low[0] < 12 / 16 < found.high[0]
    assert found.high[0] - found.low[0] < 0.4
    assert found.estimate[1].isnan()
