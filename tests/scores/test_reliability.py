from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.calibration import calibration_curve
from sklearn.metrics import log_loss

from rfcx_audio.batch import Labels
from rfcx_audio.scores import (
    calibration_error,
    calibration_table,
    draw_reliability,
    known_log_loss,
    reliability_bins,
)
from rfcx_audio.whole_files import save_picture


@pytest.fixture
def cells() -> tuple[torch.Tensor, torch.Tensor, Labels]:
    """Scores that are probabilities, a distortion of them, and labels."""
    rng = np.random.default_rng(0)
    true = torch.tensor(rng.random((3000, 2)) ** 2)
    target = torch.tensor(rng.random((3000, 2))) < true
    known = torch.tensor(rng.random((3000, 2)) < 0.4).double()
    return true, true.sqrt(), Labels(target.double(), known)


def test_bins_are_those_of_scikit_learn(cells: tuple[torch.Tensor, torch.Tensor, Labels]) -> None:
    _, raw, labels = cells
    given = labels.known > 0
    present, score = calibration_curve(labels.target[given], raw[given], n_bins=10)
    found = reliability_bins(raw, labels, 10)
    np.testing.assert_allclose(found.present, present, atol=1e-12)
    np.testing.assert_allclose(found.score, score, atol=1e-12)
    assert found.weight.sum() == given.sum()


def test_the_error_is_that_of_a_loop_and_weighs_by_known() -> None:
    scores = torch.tensor([[0.05, 0.92], [0.0, 1.0], [0.07, 0.3]])
    labels = Labels(
        torch.tensor([[1.0, 1.0], [0.0, 0.0], [0.0, 1.0]]),
        torch.tensor([[1.0, 0.5], [0.5, 1.0], [0.0, 0.0]]),
    )
    low = 1.5 * abs(0.05 / 1.5 - 1 / 1.5)
    high = 1.5 * abs((0.46 + 1.0) / 1.5 - 0.5 / 1.5)
    found = calibration_error(reliability_bins(scores, labels, 10))
    assert found == pytest.approx((low + high) / 3)


def test_log_loss_is_that_of_scikit_learn_on_known_cells() -> None:
    rng = np.random.default_rng(1)
    scores, target = torch.tensor(rng.random((50, 3))), torch.tensor(rng.integers(0, 2, (50, 3)))
    known = torch.tensor(rng.random((50, 3))) * torch.tensor(rng.integers(0, 2, (50, 3)))
    given = known > 0
    expected = log_loss(target[given], scores[given], sample_weight=known[given])
    spoilt = torch.where(given, scores, torch.nan)
    assert known_log_loss(spoilt, Labels(target, known)) == pytest.approx(expected)


def test_the_table_compares_distorted_and_true_scores_by_species_and_for_all(
    cells: tuple[torch.Tensor, torch.Tensor, Labels],
) -> None:
    true, raw, labels = cells
    labels.known[:, 1] = 0
    table = calibration_table(raw, true, labels).set_index("species")
    assert table.index.to_list() == ["s0", "s1", "all"]
    assert table.loc["s1"].isna().all()
    assert table.loc["s0"].equals(table.loc["all"].rename("s0"))
    line = table.loc["all"]
    assert line["ece_before"] > 0.1
    assert line["ece_after"] < 0.06
    assert line["log_loss_before"] > line["log_loss_after"] + 0.05


def test_the_picture_has_both_curves_and_both_histograms(
    cells: tuple[torch.Tensor, torch.Tensor, Labels], tmp_path: Path
) -> None:
    true, raw, labels = cells
    figure = draw_reliability(raw, true, labels, num_bins=8)
    upper, lower = figure.axes
    _, first, second = upper.lines  # after the diagonal
    found = reliability_bins(raw, labels, 8)
    np.testing.assert_array_equal(first.get_ydata(), found.present)
    distance = np.abs(second.get_xdata() - second.get_ydata())
    assert distance.max() < 0.12
    heights = [patch.get_data().values for patch in lower.patches]
    assert [h.sum() for h in heights] == [int((labels.known > 0).sum())] * 2
    save_picture(figure, tmp_path / "r.png")
    with Image.open(tmp_path / "r.png") as picture:
        assert picture.size == (720, 640)
