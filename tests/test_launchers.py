"""Sweeps with Hydra's launchers and Optuna, two jobs each; sweeps that are refused."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from quick import words
from rfcx_audio.config import load_config
from rfcx_audio.experiment import train_run
from rfcx_audio.scores import Scores

pytestmark = pytest.mark.slow


def command(folder: Path, *line: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *line],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env=os.environ | {"RAY_USAGE_STATS_ENABLED": "0"},
        timeout=900,
    )


def plugin(name: str, extra: str) -> pytest.MarkDecorator:
    missing = importlib.util.find_spec(f"hydra_plugins.hydra_{name}") is None
    return pytest.mark.skipif(missing, reason=f'pip install "rfcx-audio[{extra}]"')


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Scores of four recordings, and their complete truth."""
    folder = tmp_path_factory.mktemp("scored")
    scores = np.random.default_rng(0).random((4, 1, 3), dtype=np.float32)
    parts = [Scores.of_windows(f"r{i}", [0.0], 6.0, scores[i]) for i in range(4)]
    Scores.concatenate(parts).write(folder / "scores.parquet")
    truth = pd.DataFrame({"recording_id": [f"r{i}" for i in range(4)], "species_id": [0, 1, 2, 0]})
    truth.to_csv(folder / "truth.csv", index=False)
    return folder


@pytest.mark.parametrize(
    "choice",
    [
        pytest.param(
            ["hydra/launcher=submitit_local", "hydra.launcher.timeout_min=10"],
            marks=plugin("submitit_launcher", "sweep"),
        ),
        pytest.param(
            ["hydra/launcher=ray", "+hydra.launcher.ray.init.num_cpus=2"],
            marks=plugin("ray_launcher", "sweep-ray"),
        ),
    ],
    ids=["submitit", "ray"],
)
def test_a_launcher_runs_two_jobs(choice: list[str], scored: Path, tmp_path: Path) -> None:
    jobs = [f"scores={scored}/scores.parquet", f"labels={scored}/truth.csv", "seed=1,2"]
    done = command(tmp_path, "-m", "rfcx_audio.evaluate", "-m", *choice, *jobs)
    assert done.returncode == 0, done.stderr
    tables = [pd.read_csv(path) for path in sorted(tmp_path.rglob("metrics.csv"))]
    first, second = (table.set_index("scores")["lwlrap"] for table in tables)
    assert first["scores"] == second["scores"]
    assert first["random"] != second["random"]


@plugin("optuna_sweeper", "sweep")
@plugin("joblib_launcher", "sweep")
def test_optuna_tries_two_at_once_with_joblib_and_keeps_the_best(
    forest: Path, tmp_path: Path
) -> None:
    quick = [word for word in words(forest, tmp_path) if not word.startswith("paths.output_dir")]
    few = ["trainer.max_epochs=1", "hydra.sweeper.n_trials=2", "callbacks.report.num_pictures=0"]
    both = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "hydra.sweeper.n_jobs=2"]
    study = ["-m", "hparams_search=optuna", *both, *quick, *few]
    done = command(tmp_path, "-m", "rfcx_audio.train", *study)
    assert done.returncode == 0, done.stderr
    (results,) = tmp_path.rglob("optimization_results.yaml")
    best = yaml.safe_load(results.read_text())
    runs = [json.loads(path.read_text()) for path in results.parent.glob("*/metrics.json")]
    assert len(runs) == 2
    assert best["best_value"] == pytest.approx(max(values["val/auc_unlabelled"] for values in runs))
    assert 1e-4 <= best["best_params"]["optimizer.lr"] <= 1e-2


def job(folder: Path, root: str, first: str, *more: str) -> subprocess.CompletedProcess[str]:
    """A command that prints whether it is a job of a multirun, after a line of Python."""
    task = f"entry_point('{root}')(lambda _: print('multirun:', in_multirun()))()"
    line = f"{first}; from rfcx_audio.config import entry_point, in_multirun; {task}"
    return command(folder, "-W", "ignore", "-c", line, *more)


@pytest.mark.parametrize(
    ("plugin", "choice", "extra"),
    [
        ("joblib_launcher", "hydra/launcher=joblib", "sweep"),
        ("optuna_sweeper", "hparams_search=optuna", "sweep"),
        ("ray_launcher", "hydra/launcher=ray", "sweep-ray"),
    ],
)
def test_an_absent_plugin_is_named_with_its_extra(
    plugin: str, choice: str, extra: str, tmp_path: Path
) -> None:
    hidden = f"import sys; sys.modules['hydra_plugins.hydra_{plugin}'] = None"
    done = job(tmp_path, "train", hidden, "-m", choice, "seed=0,1")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith(f'pip install "rfcx-audio[{extra}]"')
    assert "Traceback" not in done.stderr


def test_a_job_of_a_multirun_knows_that_it_is_one(tmp_path: Path) -> None:
    for line, expected in ((["-m", "seed=0,1"], "True"), ([], "False")):
        done = job(tmp_path, "evaluate", "pass", *line)
        printed = [line for line in done.stdout.splitlines() if line.startswith("multirun: ")]
        assert set(printed) == {f"multirun: {expected}"}, done.stderr


def test_a_job_of_a_multirun_starts_no_processes(
    forest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rfcx_audio.experiment.run.in_multirun", lambda: True)
    pair = ["trainer=ddp", "trainer.devices=2"]
    with pytest.raises(ValueError, match="cannot start the 2 processes"):
        train_run(load_config("train", words(forest, tmp_path, *pair)))
