from __future__ import annotations

import subprocess
from pathlib import Path

import pandas as pd
import pytest

from preloaded import run_module
from quick import words

pytestmark = pytest.mark.slow


def command(tmp_path: Path, forest: Path, *more: str) -> subprocess.CompletedProcess[str]:
    quick = [word for word in words(forest, tmp_path) if not word.startswith("paths.output_dir")]
    settings = [f"data.folds.file={tmp_path}/folds.csv", "trainer.max_epochs=1"]
    settings += ["callbacks.report.num_pictures=0"]
    return run_module("rfcx_audio.crossval", *quick, *settings, *more, cwd=tmp_path)


def test_one_command_trains_all_folds_and_prints_how_much_they_differ(
    forest: Path, tmp_path: Path
) -> None:
    done = command(tmp_path, forest, "data.folds.num_folds=2")
    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "runs" / "crossval").iterdir()
    assert len(pd.read_csv(folder / "folds.csv")) == 2
    for word in ("mean", "spread", "val/auc", "test/lwlrap"):
        assert word in done.stdout
    # The folder goes on with the same settings, and with no others.
    done = command(tmp_path, forest, "data.folds.num_folds=2", f"folder={folder}")
    assert "fold 1 is finished" in done.stdout + done.stderr
    done = command(tmp_path, forest, "data.folds.num_folds=3", f"folder={folder}")
    assert done.returncode != 0
    assert "was begun with other settings" in done.stderr
