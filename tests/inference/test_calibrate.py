from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import precision_recall_curve

from rfcx_audio.batch import Labels
from rfcx_audio.inference import (
    Calibration,
    Goal,
    best_threshold,
    cross_fitted,
    fit_calibration,
    isotonic_curve,
    known_log_loss,
    platt_curve,
    thresholds,
)
from rfcx_audio.inference.calibrate import Method, PlattCurve, smoothed_targets

METHODS = ["platt", "isotonic"]


def simulated(
    rows: int, slopes: list[float], intercepts: list[float], seed: int = 0, known: float = 1.0
) -> tuple[torch.Tensor, Labels]:
    """Scores s whose true probabilities are sigmoid(slope * logit(s) + intercept)."""
    rng = np.random.default_rng(seed)
    scores = expit(rng.normal(0, 2, (rows, len(slopes))))
    target = rng.random(scores.shape) < expit(slopes * logit(scores) + np.array(intercepts))
    said = torch.tensor(rng.random(scores.shape) < known).double()
    return torch.tensor(scores), Labels(torch.tensor(target).double(), said)


def one_species(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    scores, labels = simulated(rows, [0.6], [-0.5], seed)
    weight = np.random.default_rng(seed + 1).uniform(0.1, 1, rows)
    return scores[:, 0].numpy(), labels.target[:, 0].numpy() > 0, weight


def test_platt_is_the_logistic_regression_of_scikit_learn_where_data_are_many() -> None:
    scores, present, weight = one_species(40_000, 0)
    curve = platt_curve(scores, present, weight)
    oracle = LogisticRegression(C=np.inf, tol=1e-10)
    oracle.fit(logit(scores)[:, None], present, sample_weight=weight)
    assert curve.slope == pytest.approx(oracle.coef_.item(), abs=1e-3)
    assert curve.intercept == pytest.approx(oracle.intercept_.item(), abs=1e-3)


def test_platt_with_smoothed_targets_is_a_regression_on_both_answers() -> None:
    scores, present, weight = one_species(60, 1)
    target = smoothed_targets(present, weight)
    presences, absences = weight[present].sum(), weight[~present].sum()
    assert set(target) == {(presences + 1) / (presences + 2), 1 / (absences + 2)}
    oracle = LogisticRegression(C=np.inf, tol=1e-12, max_iter=1000)
    oracle.fit(
        np.tile(logit(scores), 2)[:, None],
        np.repeat([1, 0], len(scores)),
        sample_weight=np.concatenate([weight * target, weight * (1 - target)]),
    )
    expected = oracle.predict_proba(logit(scores)[:, None])[:, 1]
    np.testing.assert_allclose(platt_curve(scores, present, weight).at(scores), expected, atol=1e-5)


def test_isotonic_is_that_of_scikit_learn() -> None:
    scores, present, weight = one_species(500, 2)
    scores = scores.round(2)  # many ties
    curve = isotonic_curve(scores, present, weight)
    target = smoothed_targets(present, weight)
    oracle = IsotonicRegression(out_of_bounds="clip").fit(scores, target, sample_weight=weight)
    anywhere = np.linspace(0, 1, 301)
    np.testing.assert_allclose(curve.at(anywhere), oracle.predict(anywhere), atol=1e-12)
    assert len(curve.scores) < 30


@pytest.mark.parametrize("method", METHODS)
def test_a_known_distortion_is_undone(method: Method) -> None:
    slopes, intercepts = [0.4, 1.0, 2.0], [1.0, 0.0, -2.0]
    scores, labels = simulated(20_000, slopes, intercepts)
    calibration = fit_calibration(scores, labels, method)
    fresh, _ = simulated(2000, slopes, intercepts, seed=9)
    true = expit(slopes * logit(fresh.numpy()) + np.array(intercepts))
    error = np.abs(calibration(fresh).numpy() - true).mean(0)
    assert (error < (0.01 if method == "platt" else 0.03)).all()
    untouched = np.abs(fresh.numpy() - true).mean(0)
    assert (untouched[[0, 2]] > 0.1).all()


@pytest.mark.parametrize("method", METHODS)
def test_curves_never_decrease_even_for_scores_that_mislead(method: Method) -> None:
    scores, labels = simulated(400, [-1.0, 1.0], [0.0, 0.0])
    calibration = fit_calibration(scores, labels, method)
    grid = torch.linspace(0, 1, 1001, dtype=torch.float64)[:, None].expand(-1, 2)
    said = calibration(grid)
    assert (said.diff(dim=0) >= -1e-12).all()
    assert 0 < said.min() <= said.max() < 1


def test_a_separated_species_stays_finite() -> None:
    scores = torch.tensor([[0.0], [0.1], [0.9], [1.0]] * 20)
    labels = Labels((scores > 0.5).float(), torch.ones_like(scores))
    slope, intercept = fit_calibration(scores, labels, min_cells=1).species[0].curve
    assert np.isfinite(slope)
    assert np.isfinite(intercept)


@pytest.mark.parametrize("method", METHODS)
def test_unknown_cells_have_no_influence(method: Method) -> None:
    scores, labels = simulated(600, [0.5, 1.5], [0.0, -1.0], known=0.3)
    hidden = labels.known == 0
    other = torch.where(hidden, torch.nan, scores)
    flipped = Labels(torch.where(hidden, 1 - labels.target, labels.target), labels.known)
    assert fit_calibration(scores, labels, method) == fit_calibration(other, flipped, method)
    recordings = [f"r{n % 40}" for n in range(600)]
    goal = Goal("precision", 0.7)
    tables = [
        thresholds(*cells, recordings, goal, torch.Generator().manual_seed(0), 20)
        for cells in ((scores, labels), (other, flipped))
    ]
    assert tables[0].equals(tables[1])


@pytest.mark.parametrize("method", METHODS)
def test_the_weight_of_a_cell_is_its_number(method: Method) -> None:
    scores, labels = simulated(300, [0.5, 1.5], [0.0, -1.0])
    again = torch.arange(300) % 3 == 0
    doubled = Labels(
        torch.cat([labels.target, labels.target[again]]), torch.ones(400, 2, dtype=torch.float64)
    )
    weighted = Labels(labels.target, 1.0 + again[:, None].double().expand(-1, 2))
    one = fit_calibration(torch.cat([scores, scores[again]]), doubled, method)
    other = fit_calibration(scores, weighted, method)
    torch.testing.assert_close(one(scores), other(scores), atol=1e-6, rtol=0)


def test_few_cells_take_the_fit_of_all_species() -> None:
    scores, labels = simulated(1000, [0.5, 1.5, 1.0, 1.0], [0.0, -1.0, 0.0, 0.0])
    known = labels.known.clone()
    present = labels.target[:, 2] > 0
    known[present.nonzero()[10:, 0], 2] = 0  # 10 known presences
    known[:, 3] = 0
    labels = Labels(labels.target, known)
    fits = fit_calibration(scores, labels, min_cells=10).species
    said = known.numpy() > 0
    pooled = platt_curve(scores.numpy()[said], labels.target.numpy()[said] > 0, np.ones(said.sum()))
    assert fits[2].curve == fits[3].curve == pooled
    assert fits[2].own_share == fits[3].own_share == 0
    own = platt_curve(scores.numpy()[:, 0], labels.target.numpy()[:, 0] > 0, np.ones(1000))
    share = 1 - 10 / min(fits[0].present, fits[0].absent)
    assert fits[0].own_share == pytest.approx(share)
    expected = share * np.array(own) + (1 - share) * np.array(pooled)
    np.testing.assert_allclose(fits[0].curve, expected, rtol=1e-12)


def test_isotonic_curves_are_mixed_exactly_between_all_knots() -> None:
    one = isotonic_curve(*one_species(80, 3))
    other = isotonic_curve(*one_species(90, 4))
    grid = np.linspace(0, 1, 2001)
    expected = 0.3 * one.at(grid) + 0.7 * other.at(grid)
    np.testing.assert_allclose(one.mixed(other, 0.3).at(grid), expected, atol=1e-12)


def test_the_prevalence_is_the_share_of_presences_drawn_to_that_of_all() -> None:
    known = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.5, 1.0]])
    labels = Labels(torch.tensor([[1.0, 1.0], [0.0, 1.0], [0.0, 0.0]]), known)
    found = fit_calibration(torch.rand(3, 2), labels, min_cells=2).prevalence
    share = 1 / 3.5
    assert found.tolist() == pytest.approx([(1 + 2 * share) / 4.5, 2 * share / 3])


@pytest.mark.parametrize("method", METHODS)
def test_json_brings_a_calibration_back(method: Method) -> None:
    scores, labels = simulated(300, [0.5, 1.5], [0.0, -1.0], known=0.5)
    calibration = fit_calibration(scores, labels, method, min_cells=5)
    again = Calibration.from_dict(json.loads(json.dumps(calibration.to_dict(), allow_nan=False)))
    assert again == calibration
    assert torch.equal(again(scores), calibration(scores))


def test_what_is_no_calibration_is_refused() -> None:
    scores, labels = simulated(300, [0.5, 1.5], [0.0, -1.0])
    with pytest.raises(ValueError, match="no calibration"):
        Calibration.from_dict({"method": "beta"})
    told = fit_calibration(scores, labels).to_dict()
    told["species"][1]["curve"]["slope"] = -1.0
    with pytest.raises(ValueError, match=r"species \[1\]"):
        Calibration.from_dict(told)
    told = fit_calibration(scores, labels, "isotonic").to_dict()
    told["species"][0]["curve"]["probabilities"][-1] = 0.0
    with pytest.raises(ValueError, match=r"species \[0\]"):
        Calibration.from_dict(told)
    told["species"][0]["curve"]["probabilities"].pop()
    with pytest.raises(ValueError, match="no calibration"):
        Calibration.from_dict(told)


def test_data_that_define_no_calibration_are_refused() -> None:
    scores, labels = simulated(30, [1.0, 1.0], [0.0, 0.0])
    with pytest.raises(ValueError, match="0 present and 60 absent cells"):
        fit_calibration(scores, Labels(torch.zeros(30, 2), torch.ones(30, 2)))
    with pytest.raises(ValueError, match="apply a sigmoid"):
        fit_calibration(scores * 3, labels)
    with pytest.raises(ValueError, match="min_cells = 0"):
        fit_calibration(scores, labels, min_cells=0)
    with pytest.raises(ValueError, match="choose platt or isotonic"):
        fit_calibration(scores, labels, "beta")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match=r"\(30, 1\), expected \(rows, 2\)"):
        fit_calibration(scores, labels)(scores[:, :1])


def test_no_recording_is_calibrated_by_itself() -> None:
    scores, labels = simulated(400, [0.5, 1.5], [0.0, -1.0])
    recordings = [f"r{n // 4}" for n in range(400)]

    def fitted(target: torch.Tensor) -> torch.Tensor:
        generator = torch.Generator().manual_seed(3)
        return cross_fitted(scores, Labels(target, labels.known), recordings, generator)

    once = fitted(labels.target)
    assert torch.equal(fitted(labels.target), once)
    turned = labels.target.clone()
    turned[40:44] = 1 - turned[40:44]
    again = fitted(turned)
    assert torch.equal(again[40:44], once[40:44])
    assert (again != once).any(1).sum() == 400 - 80  # all but its fold of 20 recordings
    with pytest.raises(ValueError, match="100 recordings do not make num_folds = 101"):
        cross_fitted(scores, labels, recordings, torch.Generator(), num_folds=101)


def test_cross_fitting_is_honest_where_there_is_nothing_to_learn() -> None:
    rng = np.random.default_rng(0)
    scores = torch.tensor(rng.random((300, 3)))
    labels = Labels(torch.tensor(rng.random((300, 3)) < 0.5).double(), torch.ones(300, 3))
    recordings = [str(n) for n in range(300)]
    generator = torch.Generator().manual_seed(0)
    honest = cross_fitted(scores, labels, recordings, generator, "isotonic", min_cells=1)
    own = fit_calibration(scores, labels, "isotonic", min_cells=1)(scores)
    assert known_log_loss(own, labels) < np.log(2) < known_log_loss(honest, labels)


def brute_force(
    scores: np.ndarray, present: np.ndarray, weight: np.ndarray, goal: Goal
) -> tuple[float, float, float]:
    best = (np.inf, 0.0, 0.0)
    best_f = 0.0
    for score in sorted({s for s, w in zip(scores, weight, strict=True) if w > 0}, reverse=True):
        called = scores >= score
        found = weight[called & present].sum()
        precision = found / weight[called].sum()
        recall = found / max(weight[present].sum(), 1e-9)
        if goal.kind == "precision" and precision >= goal.value:
            best = (score, precision, recall)
        if goal.kind == "f_beta" and found > 0:
            b2 = goal.value**2
            f_beta = (1 + b2) * precision * recall / (b2 * precision + recall)
            if f_beta > best_f + 1e-12:
                best, best_f = (score, precision, recall), f_beta
    return best


@pytest.mark.parametrize(
    "goal", [Goal("precision", 0.75), Goal("f_beta", 1.0), Goal("f_beta", 2.0)]
)
def test_thresholds_are_those_of_a_loop(goal: Goal) -> None:
    rng = np.random.default_rng(5)
    reached = 0
    for _ in range(60):
        scores = rng.integers(0, 8, 20) / 8
        present = rng.random(20) < 0.1 + 0.5 * scores
        weight = rng.integers(0, 3, (4, 20)).astype(float)
        found = best_threshold(scores, present, weight, goal)
        for n in range(4):
            expected = brute_force(scores, present, weight[n], goal)
            assert found.score[n] == expected[0]
            if np.isfinite(expected[0]):
                reached += 1
                assert found.precision[n] == pytest.approx(expected[1])
                assert found.recall[n] == pytest.approx(expected[2])
    assert 40 < reached <= 240


def test_the_threshold_at_a_precision_is_that_of_scikit_learns_curve() -> None:
    scores, labels = simulated(500, [1.0], [-1.0])
    said, present = scores[:, 0].numpy(), labels.target[:, 0].numpy() > 0
    precision, recall, candidates = precision_recall_curve(present, said)
    first = np.argmax(precision[:-1] >= 0.8)
    found = best_threshold(said, present, np.ones(500), Goal("precision", 0.8))
    assert found.score == candidates[first]
    assert found.recall == pytest.approx(recall[first])


def test_limits_are_percentiles_over_resampled_recordings() -> None:
    scores, labels = simulated(120, [1.5], [0.0], known=0.8)
    labels = Labels(labels.target, labels.known * 0.5)
    recordings = [f"r{n % 30}" for n in range(120)]
    goal = Goal("f_beta", 1.0)
    line = thresholds(scores, labels, recordings, goal, torch.Generator().manual_seed(1), 120)
    generator = torch.Generator().manual_seed(1)
    drawn = torch.randint(30, (120, 30), generator=generator)
    place = np.array([sorted(set(recordings)).index(name) for name in recordings])
    again = []
    for resample in drawn.numpy():
        rows = np.concatenate([np.flatnonzero(place == name) for name in resample])
        said, present = scores[rows, 0].numpy(), labels.target[rows, 0].numpy() > 0
        again.append(brute_force(said, present, labels.known[rows, 0].numpy(), goal)[0])
    again.sort()
    assert line["low"].item() == again[2]  # of 119 steps, 2.5 % down and 97.5 % up
    assert line["high"].item() == again[117]
    assert line["low"].item() <= line["threshold"].item() <= line["high"].item()


def test_limits_hold_the_true_threshold_about_as_often_as_they_say() -> None:
    true, held = 0.75, 0  # scores are uniform and probabilities: precision above t is (1 + t) / 2
    for seed in range(40):
        rng = np.random.default_rng(seed)
        scores = torch.tensor(rng.random((400, 1)))
        target = torch.tensor(rng.random((400, 1))) < scores
        labels = Labels(target.double(), torch.ones(400, 1))
        generator = torch.Generator().manual_seed(seed)
        names = [str(n) for n in range(400)]
        line = thresholds(scores, labels, names, Goal("precision", 0.875), generator, 200).iloc[0]
        held += line["low"] <= true <= line["high"]
    assert held >= 32


def test_numbers_that_data_cannot_define_are_missing_with_a_reason() -> None:
    scores = torch.tensor([[0.1, 0.2, 0.9, 0.3], [0.9, 0.1, 0.1, 0.2], [0.5, 0.3, 0.2, 0.1]])
    target = torch.tensor([[0.0, 1.0, 0.0, 1.0], [0.0, 1.0, 1.0, 0.0], [0.0, 1.0, 0.0, 0.0]])
    labels = Labels(target, torch.ones(3, 4))
    generator = torch.Generator().manual_seed(0)
    table = thresholds(scores, labels, ["a", "b", "c"], Goal("precision", 0.9), generator)
    nothing, all_there, too_poor, one_recording = table.to_dict("records")
    assert nothing["reason"] == "no known presence"
    assert all_there["reason"] == "no known absence"
    assert too_poor["reason"] == "no threshold has this precision; the best is 0.33"
    assert all(kind.kind == "f" for kind in table.dtypes.iloc[3:8])
    assert table["threshold"].isna().tolist() == [True, True, True, False]
    assert one_recording["threshold"] == pytest.approx(0.3)
    assert one_recording["low"] == pytest.approx(0.3)
    assert np.isnan(one_recording["high"])  # (2/3)^3 of the resamples lack recording a
    assert "of the resamples cannot reach the goal" in one_recording["reason"]
    assert int(one_recording["reason"].split(" ")[0].rstrip("%")) == pytest.approx(30, abs=5)


@pytest.mark.parametrize("goal", [Goal("precision", 1.5), Goal("f_beta", 0.0)])
def test_a_goal_that_is_none_is_refused(goal: Goal) -> None:
    scores, labels = simulated(10, [1.0], [0.0])
    with pytest.raises(ValueError, match="is no goal"):
        thresholds(scores, labels, ["a"] * 10, goal, torch.Generator())


def test_scores_keep_their_precision_and_certain_ones_their_order() -> None:
    scores, labels = simulated(300, [0.5, 1.5], [0.0, -1.0])
    calibration = fit_calibration(scores, labels)
    assert isinstance(calibration.species[0].curve, PlattCurve)
    said = calibration(torch.tensor([[0.0, 0.0], [0.5, 0.5], [1.0, 1.0]]))
    assert said.dtype == torch.float32
    assert (said.diff(dim=0) > 0).all()
