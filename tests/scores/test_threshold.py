from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import precision_recall_curve

from rfcx_audio.batch import Labels
from rfcx_audio.scores import (
    Goal,
    Scores,
    best_threshold,
    read_thresholds,
    thresholds,
)
from simulated import of_recordings, simulated


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
    values, present = scores[:, 0].numpy(), labels.target[:, 0].numpy() > 0
    precision, recall, candidates = precision_recall_curve(present, values)
    first = np.argmax(precision[:-1] >= 0.8)
    found = best_threshold(values, present, np.ones(500), Goal("precision", 0.8))
    assert found.score == candidates[first]
    assert found.recall == pytest.approx(recall[first])


def test_limits_are_percentiles_over_bootstrapped_recordings() -> None:
    scores, labels = simulated(120, [1.5], [0.0], known=0.8)
    scores = scores.float()
    labels = Labels(labels.target, labels.known * 0.5)
    recordings = [f"r{n % 30}" for n in range(120)]
    goal = Goal("f_beta", 1.0)
    line = thresholds(
        of_recordings(scores, recordings), labels, goal, torch.Generator().manual_seed(1), 120
    )
    generator = torch.Generator().manual_seed(1)
    drawn = torch.randint(30, (120, 30), generator=generator)
    place = np.array([sorted(set(recordings)).index(name) for name in recordings])
    again = []
    for sample in drawn.numpy():
        rows = np.concatenate([np.flatnonzero(place == name) for name in sample])
        values, present = scores[rows, 0].numpy(), labels.target[rows, 0].numpy() > 0
        again.append(brute_force(values, present, labels.known[rows, 0].numpy(), goal)[0])
    again.sort()
    assert line["low"].item() == again[2]  # of 119 steps, 2.5 % down and 97.5 % up
    assert line["high"].item() == again[117]
    assert line["low"].item() <= line["threshold"].item() <= line["high"].item()


def test_limits_contain_the_true_threshold_at_about_their_level() -> None:
    true, held = 0.75, 0  # scores are uniform and probabilities: precision above t is (1 + t) / 2
    for seed in range(40):
        rng = np.random.default_rng(seed)
        scores = torch.tensor(rng.random((400, 1)))
        target = torch.tensor(rng.random((400, 1))) < scores
        labels = Labels(target.double(), torch.ones(400, 1))
        generator = torch.Generator().manual_seed(seed)
        windows = of_recordings(scores, [str(n) for n in range(400)])
        line = thresholds(windows, labels, Goal("precision", 0.875), generator, 200).iloc[0]
        held += line["low"] <= true <= line["high"]
    assert held >= 32


def test_undefined_numbers_are_missing_with_a_reason() -> None:
    scores = torch.tensor([[0.1, 0.2, 0.9, 0.3], [0.9, 0.1, 0.1, 0.2], [0.5, 0.3, 0.2, 0.1]])
    target = torch.tensor([[0.0, 1.0, 0.0, 1.0], [0.0, 1.0, 1.0, 0.0], [0.0, 1.0, 0.0, 0.0]])
    labels = Labels(target, torch.ones(3, 4))
    generator = torch.Generator().manual_seed(0)
    table = thresholds(
        of_recordings(scores, ["a", "b", "c"]), labels, Goal("precision", 0.9), generator
    )
    nothing, all_there, too_poor, one_recording = table.to_dict("records")
    assert nothing["reason"] == "no known presence"
    assert all_there["reason"] == "no known absence"
    assert too_poor["reason"] == "no threshold has this precision; the best is 0.33"
    assert all(kind.kind == "f" for kind in table.dtypes.iloc[3:8])
    assert table["threshold"].isna().tolist() == [True, True, True, False]
    assert one_recording["threshold"] == pytest.approx(0.3)
    assert one_recording["low"] == pytest.approx(0.3)
    assert np.isnan(one_recording["high"])  # (2/3)^3 of the bootstrap samples lack recording a
    assert "of the bootstrap samples cannot reach the goal" in one_recording["reason"]
    assert int(one_recording["reason"].split(" ")[0].rstrip("%")) == pytest.approx(30, abs=5)


@pytest.mark.parametrize("goal", [Goal("precision", 1.5), Goal("f_beta", 0.0)])
def test_a_goal_out_of_range_is_refused(goal: Goal) -> None:
    scores, labels = simulated(10, [1.0], [0.0])
    with pytest.raises(ValueError, match="is out of range"):
        thresholds(of_recordings(scores, ["a"] * 10), labels, goal, torch.Generator())


def test_thresholds_are_a_number_or_those_of_calibrate_for_these_scores(tmp_path: Path) -> None:
    path = tmp_path / "thresholds.csv"
    written = {"species": ["s1", "s0"], "threshold": [0.7, np.nan], "calibrated": [0.9, 0.4]}
    pd.DataFrame(written).to_csv(path, index=False)
    raw = Scores.of_windows("a", [0.0], 6.0, [[0.1, 0.2, 0.3]])
    assert read_thresholds(0.25, raw).tolist() == [0.25] * 3
    found = read_thresholds(str(path), raw)
    np.testing.assert_array_equal(found, [np.nan, 0.7, np.nan])
    calibrated = raw.with_values(raw.values, calibration={})
    np.testing.assert_array_equal(read_thresholds(str(path), calibrated), [0.4, 0.9, np.nan])
    with pytest.raises(ValueError, match="before a correction to a prior"):
        read_thresholds(str(path), raw.with_values(raw.values, prior_correction={}))
    with pytest.raises(ValueError, match="lies outside 0 to 1"):
        read_thresholds(1.5, raw)
    with pytest.raises(ValueError, match="neither a number nor a file"):
        read_thresholds("nowhere.csv", raw)
    others = Scores(raw.keys, raw.values, ("Owl", "Frog", "Toad"))
    with pytest.raises(ValueError, match="has none of the scored species \\('Owl', 'Frog'"):
        read_thresholds(str(path), others)
    path.write_text("species,score\ns0,1\n")
    with pytest.raises(ValueError, match="has the columns species, score; expected"):
        read_thresholds(str(path), raw)
