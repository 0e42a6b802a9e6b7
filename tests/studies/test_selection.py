from __future__ import annotations

import subprocess
from pathlib import Path

import pandas as pd
import pytest

from preloaded import run_module
from studied import study_of_one_run


def command(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    checkout = Path(__file__).parents[2]
    return run_module("studies.selection", f"hydra.run.dir={folder}/out", *words, cwd=checkout)


def test_a_study_without_a_finished_run_is_refused(tmp_path: Path) -> None:
    done = command(tmp_path, f"folder={tmp_path}")
    assert done.returncode != 0
    assert f"no run in {tmp_path} is finished" in done.stderr
    done = command(tmp_path, "stage=page", f"docs={tmp_path}")
    assert "measure the runs first (stage=measure)" in done.stderr


@pytest.mark.slow
def test_the_command_measures_runs_and_their_epochs(forest: Path, tmp_path: Path) -> None:
    study = study_of_one_run(forest, tmp_path / "study")
    places = [f"{key}={tmp_path}/{key}" for key in ("scores", "docs")]
    done = command(tmp_path, f"folder={study}", f"epochs={study}", *places)
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(tmp_path / "docs" / "selection.csv")
    assert table["epoch"].to_list() == ["best", "epoch=00", "epoch=01"]
    assert (
        "with a checkpoint after each of 2 epochs"
        in (tmp_path / "docs" / "selection.md").read_text()
    )
    done = command(tmp_path, f"folder={study}", f"scores={tmp_path}/none", "stage=measure")
    assert "none is scored" in done.stderr
    page = tmp_path / "docs" / "selection.md"
    text = page.read_text()
    page.unlink()
    done = command(tmp_path, "stage=page", f"docs={tmp_path}/docs")
    assert done.returncode == 0, done.stderr
    assert page.read_text() == text
