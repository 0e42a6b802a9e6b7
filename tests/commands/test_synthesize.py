from __future__ import annotations

from pathlib import Path

import pytest

from conftest import forest_overrides
from preloaded import run_module


@pytest.mark.slow
def test_the_command_writes_the_same_forest_as_the_library(forest: Path, tmp_path: Path) -> None:
    root = tmp_path / "again"
    words = [f"hydra.run.dir={tmp_path}/run", *forest_overrides(root)]
    done = run_module("rfcx_audio.synthesize", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    ours = {path.relative_to(root): path.read_bytes() for path in root.rglob("*.*")}
    theirs = {
        path.relative_to(forest): path.read_bytes()
        for path in forest.rglob("*.*")
        if not path.name.startswith("folds")  # another test's
    }
    assert ours == theirs
