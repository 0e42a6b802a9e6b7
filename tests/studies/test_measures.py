from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rfcx_audio.scores import Scores
from studies.checkpoints import Trained, best_of, epochs_of, score_runs
from studies.measures import MEASURES, TRUTHS, measure, turned

LOGGED_TOO = (
    "auc",
    "auc_pooled",
    "auc_unlabelled",
    "log_loss",
    "log_loss_present",
    "log_loss_absent",
    "lwlrap_partial",
)


@pytest.mark.slow
def test_measures_are_those_that_the_run_logged(studied: Path, tmp_path: Path) -> None:
    """The last epoch is measured twice: by the training's own validation, and here."""
    epochs = epochs_of(studied)
    score_runs(epochs, tmp_path)
    score_runs(epochs, tmp_path, "test")
    last = measure(epochs, tmp_path, "").iloc[-1]
    logged = json.loads((studied / "masked" / "seed_0" / "metrics.json").read_text())
    for name in LOGGED_TOO:
        assert last[name] == pytest.approx(logged[f"val/{name}"], abs=1e-6)


@pytest.mark.slow
def test_the_truth_of_an_epoch_is_that_of_the_tested_checkpoint(
    studied: Path, tmp_path: Path
) -> None:
    (one,) = best_of(studied)
    again = one._replace(name="again")
    score_runs([one, again], tmp_path)
    score_runs([again], tmp_path, "test")
    found = measure([one, again], tmp_path, "")
    assert not found["bound"].any()
    for truth in TRUTHS:
        assert found[truth].iloc[0] == pytest.approx(found[truth].iloc[1], abs=1e-6)
    assert set(MEASURES) - set(found) == {
        f"agreement_{of}" for of in ("seeds", "others", "teacher")
    }


@pytest.mark.slow
def test_agreement_is_with_seeds_with_others_and_with_the_teacher(
    studied: Path, tmp_path: Path
) -> None:
    (one,) = best_of(studied)
    score_runs([one], tmp_path / "scores")
    table = Scores.read(one.scores(tmp_path / "scores", "held_out")).frame()
    columns = [name for name in table if name.startswith("s")]
    random = np.random.default_rng(0).random((len(table), len(columns)))
    same, opposite = random**3, 1 - random
    given = {("a", 0): random, ("a", 1): same, ("teacher", 0): opposite, ("bound", 0): opposite}
    trained = []
    for (entry, seed), values in given.items():
        run = tmp_path / entry / f"seed_{seed}"
        shutil.copytree(one.run, run)
        config = run / "config.yaml"
        if entry == "bound":
            config.write_text(config.read_text().replace("supervision: rows", "supervision: truth"))
        trained.append(Trained(entry, seed, "best", run / "checkpoints" / "best.ckpt"))
        # One window a recording, so that pooling keeps the opposite the opposite.
        other = table.assign(**dict(zip(columns, values.T, strict=True)))
        place = trained[-1].scores(tmp_path / "scores", "held_out")
        Scores.from_frame(other.drop_duplicates("recording_id")).write(place)
    found = measure(trained, tmp_path / "scores", "teacher").set_index(["entry", "seed"])
    assert found["bound"].to_list() == [False, False, False, True]
    np.testing.assert_allclose(found["agreement_seeds"], [1, 1, np.nan, np.nan])
    np.testing.assert_allclose(found["agreement_teacher"], [-1, np.nan, np.nan, 1])
    np.testing.assert_allclose(found["agreement_others"].iloc[:3], [-1, np.nan, -1])


def test_turned_measures_are_better_when_higher() -> None:
    runs = pd.DataFrame({"auc": [0.6], "log_loss": [0.7], "test_lwlrap": [0.8]})
    assert turned(runs).iloc[0].to_dict() == {"auc": 0.6, "log_loss": -0.7, "test_lwlrap": 0.8}
