from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from studies.ordering import between, within


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
