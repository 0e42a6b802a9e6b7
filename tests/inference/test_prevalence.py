from __future__ import annotations

from typing import get_args

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import expit, logit
from scipy.stats import norm
from torch import Tensor

from rfcx_audio.inference import prior_correction
from rfcx_audio.inference.prevalence import (
    Estimator,
    KnownScores,
    Moments,
    Prevalence,
    believed_prevalence,
    checked_prevalence,
    confusion_prevalence,
    draw_prevalence,
    em_prevalence,
    estimate_prevalence,
    implied_prior,
    known_scores,
    mean_prevalence,
    mixture_prevalence,
    surety,
)

SHARES = torch.tensor([0.7, 0.3, 0.08], dtype=torch.float64)


def forest(
    recordings: int, labelled: int, apart: float, seed: int = 0, trap: float = 0.0
) -> tuple[Tensor, KnownScores]:
    """Unlabelled scores of species as frequent as SHARES, and balanced known ones.

    Logits are normal around `apart` and 0; what FP rows rule out lies `trap` higher than the rest.
    """
    rng = np.random.default_rng(seed)
    present = rng.random((recordings, 3)) < SHARES.numpy()
    scores = expit(rng.normal(size=present.shape) + apart * present)
    known = rng.normal(size=(2 * labelled, 3))
    is_tp = np.arange(2 * labelled)[:, None] < labelled
    confirmed = np.where(is_tp, expit(known + apart), np.nan)
    ruled_out = np.where(is_tp, np.nan, expit(known + trap))
    share = np.where(is_tp, 0, 0.1) * np.ones(3)
    parts = (torch.from_numpy(part.copy()) for part in (confirmed, ruled_out, share))
    return torch.from_numpy(scores), KnownScores(*parts)


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def em_loop(scores: np.ndarray, made_under: float, weight: np.ndarray) -> float:
    prior = made_under
    for _ in range(20_000):
        odds = scores / (1 - scores) * prior / (1 - prior) * (1 - made_under) / made_under
        corrected = odds / (1 + odds)
        prior = ((weight * corrected).sum() + 0.5) / (weight.sum() + 1)
    return prior


def test_em_ends_where_the_iteration_of_its_authors_ends() -> None:
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


@pytest.mark.parametrize("estimator", get_args(Estimator))
def test_nine_of_ten_intervals_hold_the_prevalence(estimator: Estimator) -> None:
    inside = []
    for seed in range(20):
        scores, known = forest(120, 30, apart=4, seed=seed)
        found = estimate_prevalence(scores, known, generator(), estimator, 60)
        inside.append((found.low < SHARES) & (found.high > SHARES))
        assert (found.high - found.low < 0.35).all()
    assert 0.8 <= torch.stack(inside).double().mean() <= 0.99


def test_only_the_mixture_stands_deceptive_absences() -> None:
    scores, known = forest(800, 100, apart=4, trap=2)

    def worst_error(estimator: Estimator) -> float:
        found = estimate_prevalence(scores, known, generator(), estimator, 0)
        return (found.estimate - SHARES).abs().amax().item()

    assert worst_error("mixture") < 0.05
    assert min(worst_error("em"), worst_error("confusion")) > 0.08


@pytest.mark.parametrize("trap", [0.0, 2.0])
@pytest.mark.parametrize("estimator", ["mixture", "em"])
def test_what_nobody_hears_is_not_corrected_and_what_everybody_hears_is(
    estimator: Estimator, trap: float
) -> None:
    def sure(apart: float) -> Tensor:
        data = forest(400, 20, apart, trap=trap)
        both = (estimate_prevalence(*data, generator(), one) for one in (estimator, "confusion"))
        return surety(checked_prevalence(*both))

    assert (sure(0.0) < 0.15).all()
    assert (sure(8.0) > 0.8).all()


@pytest.mark.parametrize("estimator", ["em", "confusion"])
def test_presences_that_score_below_absences_say_nothing(estimator: Estimator) -> None:
    found = estimate_prevalence(*forest(400, 20, 0.0, trap=2.0), generator(), estimator)
    assert found.estimate.isnan().all()
    assert (found.low == 0).all()
    assert (found.high == 1).all()


def test_surety_runs_from_all_at_no_width_to_none_without_ends() -> None:
    middle = torch.full((4,), 0.3, dtype=torch.float64)
    half = torch.tensor([0.0, 1e-6, 1.4 * 1.6449, np.inf])  # nepers
    low, high = (middle.logit() - half).sigmoid(), (middle.logit() + half).sigmoid()
    expected = torch.tensor([1.0, 1.0, 0.5, 0.0], dtype=torch.float64)
    torch.testing.assert_close(surety(Prevalence(middle, low, high)), expected, rtol=0, atol=1e-6)


def test_the_less_two_estimators_agree_the_less_is_believed() -> None:
    found = Prevalence(*(torch.tensor([v] * 3, dtype=torch.float64) for v in (0.3, 0.25, 0.35)))
    lows, highs = torch.tensor([0.26, 0.1, 0.01]), torch.tensor([0.34, 0.34, 0.34])
    check = Prevalence(found.estimate, lows.double(), highs.double())
    checked = checked_prevalence(found, check)
    torch.testing.assert_close(checked.low, torch.tensor([0.25, 0.1, 0.01], dtype=torch.float64))
    assert torch.equal(checked.high, found.high)
    sure = surety(checked)
    assert sure[0] == surety(found)[0] > sure[1] > sure[2]


def test_the_mean_of_models_is_that_of_log_odds_and_passes_over_what_one_cannot_say() -> None:
    told = [[0.2, np.nan], [0.1, 0.0], [0.4, 1.0]], [[0.8, 0.3], [0.5, 0.2], [0.9, 0.6]]
    found = mean_prevalence([Prevalence(*map(torch.tensor, one)) for one in told])
    torch.testing.assert_close(found.estimate, torch.tensor([0.5, 0.3]))
    torch.testing.assert_close(found.low, torch.tensor([0.25, 0.0]))
    assert found.high[1] == 1
    assert surety(found)[1] == 0


def test_the_implied_prior_makes_the_mean_of_the_corrected_scores_the_prior() -> None:
    scores, _ = forest(300, 3, apart=2)
    prior = torch.tensor([0.001, 0.4, 0.99])
    corrected = prior_correction(scores, prior, implied_prior(scores, prior))
    torch.testing.assert_close(corrected.mean(0), prior.double(), rtol=1e-6, atol=0)
    assert (corrected.argsort(0) == scores.argsort(0)).all()


def test_full_surety_believes_the_estimate_and_none_leaves_the_scores_alone() -> None:
    scores, known = forest(300, 20, apart=3)
    found = estimate_prevalence(scores, known, generator(), resamples=5)
    full = believed_prevalence(scores, found, torch.ones(3))
    torch.testing.assert_close(full, found.estimate)
    none = believed_prevalence(scores, found, torch.zeros(3))
    same = prior_correction(scores, none, implied_prior(scores, none))
    torch.testing.assert_close(same, scores)


def test_a_species_that_nobody_confirmed_is_left_alone() -> None:
    scores, known = forest(100, 20, apart=3)
    known.present[:, 1] = torch.nan
    for estimator in get_args(Estimator):
        found = estimate_prevalence(scores, known, generator(), estimator, 5)
        assert found.estimate.isnan().tolist() == [False, True, False]
        assert (found.low[1].item(), found.high[1].item()) == (0, 1)
        assert surety(found)[1] == 0
        believed = believed_prevalence(scores, found, surety(found))
        assert believed[1].item() == pytest.approx(scores[:, 1].mean().item())


def test_the_same_seed_gives_the_same_interval() -> None:
    data = forest(60, 10, apart=2)
    one, same = (estimate_prevalence(*data, generator(), resamples=20) for _ in range(2))
    other = estimate_prevalence(*data, torch.Generator().manual_seed(1), resamples=20)
    assert torch.equal(one.low, same.low)
    assert torch.equal(one.estimate, other.estimate)
    assert not torch.equal(one.low, other.low)


def test_wrong_arguments_are_told() -> None:
    scores, known = forest(10, 3, apart=2)
    with pytest.raises(ValueError, match="choose one of"):
        estimate_prevalence(scores, known, generator(), "magic")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="the same model"):
        estimate_prevalence(scores[:, :2], known, generator())


@pytest.fixture
def windows() -> pd.DataFrame:
    lines = [
        (name, start, start + 6, *scores)
        for name, rising in (("a", 0.1), ("b", 0.2), ("silent", 0.3))
        for start, *scores in ((0.0, rising, 0.6), (4.0, 2 * rising, 0.5), (8.0, rising, 0.4))
    ]
    return pd.DataFrame(lines, columns=pd.Index(["recording_id", "t_min", "t_max", "s0", "s1"]))


def row(name: str, species: int, present: bool, t_min: float) -> dict[str, object]:
    box = {"f_min": 100.0, "f_max": 200.0, "songtype_id": 1, "weight": 1.0}
    told = {"recording_id": name, "species_id": species, "present": present}
    return {**told, **box, "t_min": t_min, "t_max": t_min + 1}


def test_known_scores_are_of_recordings_with_tp_rows_and_of_windows_with_fp_rows(
    windows: pd.DataFrame,
) -> None:
    told = [row("a", 0, True, 1.0), row("a", 1, False, 4.5), row("b", 0, False, 12.0)]
    known = known_scores(windows, pd.DataFrame(told), "max", 0.5)
    nan = np.nan
    np.testing.assert_allclose(known.present, [[0.2, nan], [nan, nan]])
    np.testing.assert_allclose(known.absent, [[nan, 0.6], [0.2, nan]])
    np.testing.assert_allclose(known.share, [[0, 2 / 3], [1 / 3, 0]])
    with pytest.raises(ValueError, match="check the recording ids"):
        known_scores(windows, pd.DataFrame(told).assign(recording_id="other"), "max", 0.5)


def test_the_picture_has_a_point_a_species_that_is_estimated() -> None:
    found = Prevalence(
        *(torch.tensor(v) for v in ([0.3, np.nan, 0.9], [0.2, 0.0, 0.8], [0.4, 1.0, 1.0]))
    )
    (axes,) = draw_prevalence(found, torch.tensor([0.25, 0.1, 0.95]), "true prevalence").axes
    assert [text.get_text() for text in axes.texts] == ["s0", "s2"]
    points = axes.containers[0].lines[0].get_xydata()
    np.testing.assert_allclose(logit(points), logit([[0.25, 0.3], [0.95, 0.9]]), rtol=1e-6)
    assert axes.get_xlabel() == "true prevalence"
