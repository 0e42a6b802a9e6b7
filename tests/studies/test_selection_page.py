from __future__ import annotations

from pathlib import Path

import pandas as pd

from studies.selection_page import write_selection


def test_the_page_is_of_runs_without_complete_truth(
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
