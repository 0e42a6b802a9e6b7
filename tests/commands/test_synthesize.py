from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from conftest import forest_overrides


@pytest.mark.slow
def test_the_command_writes_the_same_forest_as_the_library(forest: Path, tmp_path: Path) -> None:
    root = tmp_path / "again"
    command = [sys.executable, "-m", "rfcx_audio.synthesize", f"hydra.run.dir={tmp_path}/run"]
    done = subprocess.run(
        [*command, *forest_overrides(root)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    ours = {path.relative_to(root): path.read_bytes() for path in root.rglob("*.*")}
    theirs = {
        path.relative_to(forest): path.read_bytes()
        for path in forest.rglob("*.*")
        if not path.name.startswith("folds")  # another test's
    }
    assert ours == theirs
