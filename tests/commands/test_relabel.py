from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from preloaded import run_module
from quick import words
from rfcx_audio.scoring import read_checkpoint

pytestmark = pytest.mark.slow


def command(tmp_path: Path, forest: Path, *more: str) -> subprocess.CompletedProcess[str]:
    quick = [word for word in words(forest, tmp_path) if not word.startswith("paths.output_dir")]
    settings = [
        f"data.folds.file={tmp_path}/folds.csv",
        "data.folds.num_folds=3",
        "teacher_epochs=1",
        "callbacks.report.num_pictures=0",
        f"folder={tmp_path}/rounds",
    ]
    return run_module("rfcx_audio.relabel", *quick, *settings, *more, cwd=tmp_path)


def test_one_command_runs_the_rounds_and_takes_one_back(forest: Path, tmp_path: Path) -> None:
    folder = tmp_path / "rounds"
    done = command(tmp_path, forest, "labelling.threshold=0.3", "labelling.max_per_species=2")
    assert done.returncode == 0, done.stderr
    assert "measured with the true calls" in done.stdout
    table = pd.read_csv(folder / "rounds.csv")
    assert table["rows"][0] == len(pd.read_csv(folder / "round_1" / "rows.csv")) > 0
    assert table["truth_precision"].between(0, 1).all()
    assert 0 <= json.loads((folder / "metrics.json").read_text())["test/lwlrap"] <= 1
    assert (folder / "test_species.csv").exists()
    # Teachers are shorter, and not tested.
    teacher, final = folder / "round_1" / "fold_1", folder / "final_1"
    assert "test/lwlrap" not in json.loads((teacher / "metrics.json").read_text())
    epochs = [
        read_checkpoint(run / "checkpoints" / "last.ckpt")["epoch"] for run in (teacher, final)
    ]
    assert epochs == [0, 1]

    done = command(tmp_path, forest, "rollback_to=1", "labelling.threshold=0.9999999")
    assert done.returncode == 0, done.stderr
    assert "no pseudo-label was found in round 1" in done.stdout + done.stderr
    assert pd.read_csv(folder / "rounds.csv")["rows"].to_list() == [0]
    kept = folder / "taken_back" / "0" / "round_1" / "rows.csv"
    assert len(pd.read_csv(kept)) == table["rows"][0]
