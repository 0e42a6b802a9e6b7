from __future__ import annotations

from typing import get_args

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import expit
from torch import Tensor

from rfcx_audio.data import EVERYWHERE, Annotations
from rfcx_audio.scores import Scores, checked_prevalence, implied_prior, prior_correction
from rfcx_audio.scores.prevalence import (
    Estimator,
    KnownScores,
    Prevalence,
    confidence,
    estimate_prevalence,
    known_scores,
    mean_prevalence,
    shrunk_prevalence,
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


@pytest.mark.parametrize("estimator", get_args(Estimator))
def test_nine_of_ten_intervals_hold_the_prevalence(estimator: Estimator) -> None:
    inside = []
    for seed in range(20):
        scores, known = forest(120, 30, apart=4, seed=seed)
        found = estimate_prevalence(scores, known, generator(), estimator, 60)
        inside.append((found.low < SHARES) & (found.high > SHARES))
        assert (found.high - found.low < 0.35).all()
    assert 0.8 <= torch.stack(inside).double().mean() <= 0.99


def test_only_the_mixture_is_robust_to_hard_absences() -> None:
    scores, known = forest(800, 100, apart=4, trap=2)

    def worst_error(estimator: Estimator) -> float:
        found = estimate_prevalence(scores, known, generator(), estimator, 0)
        return (found.estimate - SHARES).abs().amax().item()

    assert worst_error("mixture") < 0.05
    assert min(worst_error("em"), worst_error("confusion")) > 0.08


@pytest.mark.parametrize("trap", [0.0, 2.0])
@pytest.mark.parametrize("estimator", ["mixture", "em"])
def test_undetected_species_are_not_corrected_and_well_detected_ones_are(
    estimator: Estimator, trap: float
) -> None:
    def sure(apart: float) -> Tensor:
        data = forest(400, 20, apart, trap=trap)
        both = (estimate_prevalence(*data, generator(), one) for one in (estimator, "confusion"))
        return confidence(checked_prevalence(*both))

    assert (sure(0.0) < 0.15).all()
    assert (sure(8.0) > 0.8).all()


@pytest.mark.parametrize("estimator", ["em", "confusion"])
def test_presences_that_score_below_absences_give_no_estimate(estimator: Estimator) -> None:
    found = estimate_prevalence(*forest(400, 20, 0.0, trap=2.0), generator(), estimator)
    assert found.estimate.isnan().all()
    assert (found.low == 0).all()
    assert (found.high == 1).all()


def test_confidence_falls_from_one_to_zero_as_the_interval_widens() -> None:
    middle = torch.full((4,), 0.3, dtype=torch.float64)
    half = torch.tensor([0.0, 1e-6, 1.4 * 1.6449, np.inf])  # nepers
    low, high = (middle.logit() - half).sigmoid(), (middle.logit() + half).sigmoid()
    expected = torch.tensor([1.0, 1.0, 0.5, 0.0], dtype=torch.float64)
    torch.testing.assert_close(
        confidence(Prevalence(middle, low, high)), expected, rtol=0, atol=1e-6
    )


def test_the_mean_of_models_is_that_of_log_odds_without_missing_estimates() -> None:
    several = [[0.2, np.nan], [0.1, 0.0], [0.4, 1.0]], [[0.8, 0.3], [0.5, 0.2], [0.9, 0.6]]
    found = mean_prevalence([Prevalence(*map(torch.tensor, one)) for one in several])
    torch.testing.assert_close(found.estimate, torch.tensor([0.5, 0.3]))
    torch.testing.assert_close(found.low, torch.tensor([0.25, 0.0]))
    assert found.high[1] == 1
    assert confidence(found)[1] == 0


def test_full_confidence_takes_the_estimate_and_none_leaves_the_scores_alone() -> None:
    scores, known = forest(300, 20, apart=3)
    found = estimate_prevalence(scores, known, generator(), num_bootstrap=5)
    full = shrunk_prevalence(scores, found, torch.ones(3))
    torch.testing.assert_close(full, found.estimate)
    none = shrunk_prevalence(scores, found, torch.zeros(3))
    same = prior_correction(scores, none, implied_prior(scores, none))
    torch.testing.assert_close(same, scores)


def test_a_species_without_known_presences_has_no_estimate() -> None:
    scores, known = forest(100, 20, apart=3)
    known.present[:, 1] = torch.nan
    for estimator in get_args(Estimator):
        found = estimate_prevalence(scores, known, generator(), estimator, 5)
        assert found.estimate.isnan().tolist() == [False, True, False]
        assert (found.low[1].item(), found.high[1].item()) == (0, 1)
        assert confidence(found)[1] == 0
        believed = shrunk_prevalence(scores, found, confidence(found))
        assert believed[1].item() == pytest.approx(scores[:, 1].mean().item())


def test_the_same_seed_gives_the_same_interval() -> None:
    data = forest(60, 10, apart=2)
    one, same = (estimate_prevalence(*data, generator(), num_bootstrap=20) for _ in range(2))
    other = estimate_prevalence(*data, torch.Generator().manual_seed(1), num_bootstrap=20)
    assert torch.equal(one.low, same.low)
    assert torch.equal(one.estimate, other.estimate)
    assert not torch.equal(one.low, other.low)


def test_wrong_arguments_are_refused() -> None:
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
    key = {"recording_id": name, "species_id": species, "present": present}
    return {**key, **box, "t_min": t_min, "t_max": t_min + 1}


def test_known_scores_are_of_recordings_with_tp_rows_and_of_windows_with_fp_rows(
    windows: pd.DataFrame,
) -> None:
    rows = [row("a", 0, True, 1.0), row("a", 1, False, 4.5), row("b", 0, False, 12.0)]
    scores = Scores.from_frame(windows)
    known = known_scores(scores, Annotations(pd.DataFrame(rows)), "max", 0.5)
    nan = np.nan
    np.testing.assert_allclose(known.present, [[0.2, nan], [nan, nan]])
    np.testing.assert_allclose(known.absent, [[nan, 0.6], [0.2, nan]])
    np.testing.assert_allclose(known.share, [[0, 2 / 3], [1 / 3, 0]])
    elsewhere = Annotations(pd.DataFrame(rows).assign(recording_id="other"))
    with pytest.raises(ValueError, match="check the recording ids"):
        known_scores(scores, elsewhere, "max", 0.5)
    calls = pd.DataFrame([row("a", 0, True, 1.0), row("b", 1, True, 1.0)])
    everything = known_scores(scores, Annotations(calls, complete=EVERYWHERE), "max", 0.5)
    np.testing.assert_allclose(everything.present, [[0.2, nan], [nan, 0.6], [nan, nan]])
    np.testing.assert_allclose(everything.absent, [[0.2, 0.6], [0.4, 0.5], [0.6, 0.6]])
