from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from studies.selection_page import between, within, write_selection


@pytest.fixture
def runs() -> pd.DataFrame:
    """Three seeds of eight techniques: `auc` is right, `log_loss` is wrong, `brier` is noise."""
    generator = np.random.default_rng(0)
    lines = []
    for number, entry in enumerate("abcdefgh"):
        for seed in range(3):
            true = 0.3 + 0.05 * number + 0.01 * seed
            lines.append(
                {
                    "entry": entry,
                    "seed": seed,
                    "epoch": "best",
                    "bound": entry == "h",
                    "test_lwlrap": true,
                    "test_auc": true + 0.1,
                    "auc": true**2,
                    "log_loss": true,
                    "brier": generator.random(),
                    "agreement_teacher": np.nan if entry == "a" else true,
                    "true_auc": true,
                }
            )
    return pd.DataFrame(lines)


@pytest.fixture
def epochs() -> pd.DataFrame:
    """Four epochs of two runs; the third is the best by the truth and by `auc`."""
    lines = [
        {
            "entry": "a",
            "seed": seed,
            "epoch": f"epoch={epoch}",
            "bound": False,
            "test_lwlrap": true + 0.1 * seed,
            "test_auc": true,
            "auc": true,
            "log_loss": true,
        }
        for seed in range(2)
        for epoch, true in enumerate((0.4, 0.5, 0.7, 0.6))
    ]
    return pd.DataFrame(lines)


def test_a_right_measure_costs_nothing_and_a_wrong_one_everything(runs: pd.DataFrame) -> None:
    table = between(runs)
    assert table.loc["auc", ["test_lwlrap_rho", "test_auc_seeds"]].to_list() == [1, 1]
    assert table.loc["auc", "test_lwlrap_regret"] == 0
    assert table.loc["log_loss", ["test_lwlrap_rho", "test_auc_seeds"]].to_list() == [-1, 0]
    assert table.loc["log_loss", "test_lwlrap_regret"] > 0.15
    assert -1 < table.loc["brier", "test_lwlrap_rho"] < 1
    assert table.loc["agreement_teacher", "test_lwlrap_number"] == 7
    assert np.isnan(table.loc["agreement_teacher", "test_lwlrap_regret"])


def test_epochs_are_kept_by_a_measure_the_last_one_or_any(epochs: pd.DataFrame) -> None:
    table = within(epochs)
    expected = {"auc": 0.0, "log_loss": 0.3, "last": 0.1, "random": 0.7 - 0.55}
    assert table["test_lwlrap_regret"].to_dict() == pytest.approx(expected)
    expected = {"auc": 1, "log_loss": 0, "last": 5 / 6, "random": 0.5}
    assert table["test_auc_order"].to_dict() == pytest.approx(expected)


def test_the_page_is_of_what_truth_did_not_supervise(
    runs: pd.DataFrame, epochs: pd.DataFrame, tmp_path: Path
) -> None:
    page = write_selection(pd.concat([runs, epochs]), "a", tmp_path).read_text()
    assert "21 runs of 7 techniques (without `h`," in page
    assert "agreement with a teacher, `a` of the same seed" in page
    assert (
        "| `auc` | ROC-AUC of each species over known windows (`val/auc`) | known cells | 1.00"
        in page
    )
    assert "2 runs (`a`) with a checkpoint after each of 4 epochs" in page
    assert "One seed of each technique" not in page
    assert (tmp_path / "selection.png").stat().st_size > 10_000


def test_the_first_measure_is_named_and_its_lead_is_judged(
    runs: pd.DataFrame, tmp_path: Path
) -> None:
    page = write_selection(runs, "a", tmp_path, picture=False).read_text()
    assert (
        "`auc` has the highest rho with the true LWLRAP, 1.00. The interval of its lead over "
        "`auc`, [+0.00, +0.00], does not lie above 0: a tie. Among the better half" in page
    )
    # `brier` takes the place of `auc`, which then knows nothing.
    swapped = runs.rename(columns={"auc": "brier", "brier": "auc"}).assign(brier=-runs["auc"])
    page = write_selection(swapped, "a", tmp_path, picture=False).read_text()
    assert "`brier` has the highest rho with the true LWLRAP, 1.00" in page
    assert "], lies above 0. Among" in page


def test_one_seed_and_no_epochs_are_stated(runs: pd.DataFrame, tmp_path: Path) -> None:
    page = write_selection(runs[runs["seed"] == 0], "a", tmp_path, picture=False).read_text()
    assert "One seed of each technique" in page
    assert "Not measured: the runs of the study are validated once" in page
    assert not (tmp_path / "selection.png").exists()
