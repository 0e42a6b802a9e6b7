from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import expit
from torch import Tensor

from rfcx_audio.scores.known_scores import KnownScores
from rfcx_audio.scores.prevalence import (
    Beliefs,
    Prevalence,
    balanced_scores,
    estimate_prevalence,
    mean_prevalence,
    uncertain_species,
)
from rfcx_audio.scores.reviewed_windows import ReviewedWindows

SHARES = torch.tensor([0.7, 0.3, 0.08], dtype=torch.float64)


def forest(
    recordings: int, labelled: int, apart: float, seed: int = 0, trap: float = 0.0
) -> tuple[Tensor, KnownScores]:
    """Unlabelled scores of species as frequent as SHARES, and balanced known ones.

    Logits are normal around `apart` and 0; what FP rows rule out lies `trap` higher than the rest.
    All windows of their recordings are labelled, so that no higher one is expected.
    """
    rng = np.random.default_rng(seed)
    present = rng.random((recordings, 3)) < SHARES.numpy()
    scores = expit(rng.normal(size=present.shape) + apart * present)
    known = rng.normal(size=(2 * labelled, 3))
    is_tp = np.arange(2 * labelled)[:, None] < labelled
    confirmed = np.where(is_tp, expit(known + apart), np.nan)
    ruled_out = np.where(is_tp, np.nan, expit(known + trap))
    share = np.where(is_tp, 0, 1.0) * np.ones(3)
    parts = (torch.from_numpy(part.copy()) for part in (confirmed, ruled_out, share))
    return torch.from_numpy(scores), KnownScores(*parts)


def width(found: Prevalence) -> Tensor:
    """Of the intervals, in log-odds."""
    return found.high.logit() - found.low.logit()


def test_nine_of_ten_intervals_hold_the_prevalence() -> None:
    """Densities and prevalences are drawn anew each time, as `Beliefs` has them."""
    rng, beliefs, inside = np.random.default_rng(0), Beliefs(draws=256), []
    for _ in range(20):
        share = expit(rng.normal(*beliefs.prevalence, 12))
        apart = rng.uniform(2, 5)
        means = np.array([apart, 0.0])[:, None] * np.ones((2, 12))
        known = rng.normal(means[:, None], 1, (2, 30, 12))
        (down, down_sd), (up, up_sd) = beliefs.present_shift, beliefs.absent_shift
        high, low = means[0] - rng.normal(down, down_sd, 12), rng.normal(up, up_sd, 12)
        spread = np.exp(rng.normal(0, beliefs.spread, (2, 12)))
        spread *= np.array([beliefs.present_spread, beliefs.absent_spread])[:, None]
        present = rng.random((150, 12)) < share
        normal = rng.normal(size=(150, 12))
        logits = np.where(present, high + spread[0] * normal, low + spread[1] * normal)
        nothing = np.full((30, 12), np.nan)
        parts = [expit(known[0]), nothing], [nothing, expit(known[1])], [nothing, 0 * known[1]]
        of_known = KnownScores(*(torch.from_numpy(np.concatenate(part)) for part in parts))
        found = estimate_prevalence(torch.from_numpy(expit(logits)), of_known, beliefs)
        inside.append((found.low.numpy() < share) & (found.high.numpy() > share))
    assert 0.85 <= np.mean(inside) <= 0.95


def test_well_separated_species_have_their_prevalence_even_if_known_absences_are_hard() -> None:
    for trap in (0.0, 2.0):
        scores, known = forest(800, 100, apart=8, trap=trap)
        found = estimate_prevalence(scores, known)
        torch.testing.assert_close(found.estimate, SHARES, atol=0.06, rtol=0)
        assert (width(found) < 2).all()


def test_undetected_species_have_wide_intervals() -> None:
    found = estimate_prevalence(*forest(400, 20, apart=0.0))
    assert (width(found) > 3).all()
    assert ((found.low < SHARES) & (found.high > SHARES)).all()


def test_presences_that_score_far_below_absences_leave_what_was_believed() -> None:
    scores, known = forest(400, 20, apart=0.0, trap=30.0)
    found = estimate_prevalence(scores, known, Beliefs(prevalence=(-2.0, 1.0)))
    assert found.estimate.logit().tolist() == pytest.approx([-2.0] * 3, abs=0.02)
    assert width(found).tolist() == pytest.approx([2 * 1.645] * 3, abs=0.4)


def test_more_recordings_than_the_densities_are_worth_do_not_narrow_the_interval() -> None:
    scores, known = forest(300, 30, apart=3)
    once, often = (estimate_prevalence(scores.repeat(n, 1), known) for n in (1, 40))
    torch.testing.assert_close(once, often)


def test_balanced_scores_are_probabilities_if_half_of_the_recordings_have_the_species() -> None:
    """Of normal densities with one variance, of whatever scale a network gives them."""
    rng, beliefs = np.random.default_rng(1), Beliefs((0.0, 0.7), (0.0, 0.5))
    present = np.arange(20_000) % 2 == 0
    logits = 0.1 * (rng.normal(size=20_000) + 3 * present) - 5
    values, is_tp = torch.from_numpy(expit(logits))[:, None], torch.from_numpy(present)[:, None]
    known = KnownScores(
        values.masked_fill(~is_tp, torch.nan), values.masked_fill(is_tp, torch.nan), is_tp.double()
    )
    found = balanced_scores(values, known, beliefs)
    assert torch.equal(found[:, 0].argsort(), values[:, 0].argsort())
    for low in (0.1, 0.3, 0.5, 0.7):
        within = ((found >= low) & (found < low + 0.2))[:, 0].numpy()
        assert present[within].mean() == pytest.approx(low + 0.1, abs=0.04)


def test_scores_that_cannot_be_balanced_stay_and_sure_ones_keep_their_order() -> None:
    scores = torch.tensor([[0.2, 0.3, 0.999], [0.6, 0.7, 0.9999]], dtype=torch.float64)
    known = forest(10, 20, apart=8.0)[1]
    known.present[:, 0], known.present[:, 1] = torch.nan, 1e-6
    found = balanced_scores(scores, known)
    torch.testing.assert_close(found[:, :2], scores[:, :2])
    assert 0.99 < found[0, 2].float() < found[1, 2].float() < 1


def test_the_mean_of_models_is_that_of_log_odds_without_missing_estimates() -> None:
    several = [[0.2, np.nan], [0.1, 0.0], [0.4, 1.0]], [[0.8, 0.3], [0.5, 0.2], [0.9, 0.6]]
    found = mean_prevalence([Prevalence(*map(torch.tensor, one)) for one in several])
    torch.testing.assert_close(found.estimate, torch.tensor([0.5, 0.3]))
    torch.testing.assert_close(found.low, torch.tensor([0.25, 0.0]))
    assert found.high[1] == 1


@pytest.mark.parametrize("part", ["present", "absent"])
def test_a_species_without_known_presences_or_absences_has_no_estimate(part: str) -> None:
    scores, known = forest(100, 20, apart=3)
    getattr(known, part)[:, 1] = torch.nan
    found = estimate_prevalence(scores, known)
    assert found.estimate.isnan().tolist() == [False, True, False]
    assert (found.low[1].item(), found.high[1].item()) == (0, 1)


def test_it_draws_the_same_every_time() -> None:
    data = forest(60, 10, apart=2)
    torch.testing.assert_close(
        estimate_prevalence(*data), estimate_prevalence(*data), rtol=0, atol=0
    )


def test_one_recording_and_one_known_window_are_enough_for_a_wide_interval() -> None:
    known = KnownScores(
        *(torch.tensor([[a], [b]]) for a, b in ((0.9, np.nan), (np.nan, 0.1), (0, 0.1)))
    )
    found = estimate_prevalence(torch.tensor([[0.8]]), known)
    assert found.low < 0.2
    assert found.high > 0.7


def test_scores_of_other_species_are_refused() -> None:
    scores, known = forest(10, 3, apart=2)
    with pytest.raises(ValueError, match="the same model"):
        estimate_prevalence(scores[:, :2], known)


def test_species_are_uncertain_by_the_odds_at_the_ends_of_their_intervals() -> None:
    low = torch.tensor([0.05, 0.05, 0.001, 0.0, 0.1], dtype=torch.float64)
    high = torch.tensor([0.5, 0.52, 0.019, 1.0, 0.9], dtype=torch.float64)  # 19, 20.6, 19.3 times
    estimate = torch.tensor([0.1, 0.2, 0.01, torch.nan, 0.5], dtype=torch.float64)
    found, names = Prevalence(estimate, low, high), list("abcde")
    assert uncertain_species(found, names) == ["b", "e"]
    judged = torch.tensor([0.0, 0, 0, 0, 10])
    reviewed = ReviewedWindows(torch.zeros(5), judged, 10.0)
    assert uncertain_species(found, names, reviewed) == ["b"]
