"""Two processes reach the weights and metrics of one."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from quick import SECONDS, words
from rfcx_audio.config import build, load_config
from rfcx_audio.data import CropRecipe, CropSampler
from rfcx_audio.experiment import crossval, settle
from rfcx_audio.scoring import read_checkpoint
from together import run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not torch.distributed.is_gloo_available(), reason="needs gloo"),
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
]


def succeed(command: list[str], folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, *command],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        timeout=900,  # processes that disagree wait for each other
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The weights and metrics of each of two processes."""
    folder = tmp_path_factory.mktemp("pair")
    succeed([str(Path(__file__).with_name("together.py")), str(folder), "2"], folder)
    return [torch.load(folder / f"{rank}.pt") for rank in range(2)]


def test_two_processes_take_the_steps_of_one_with_both_their_batches(
    pair: list[dict[str, Any]], tmp_path: Path
) -> None:
    # Known cells are unevenly shared out, one process has a batch without crops, and another
    # number of recordings than the other.
    alone = run(tmp_path, devices=1)
    for name, expected in alone.items():
        if not name.startswith("normalised"):
            for found in pair:
                torch.testing.assert_close(found[name], expected, rtol=1e-5, atol=1e-6)


def test_processes_end_with_one_model_and_a_seed_repeats_it(pair: list[dict[str, Any]]) -> None:
    first, second = pair
    for name, value in first["normalised"]["weights"].items():
        for other in (second["normalised"], first["normalised again"]):
            assert torch.equal(value, other["weights"][name]), name
    assert second["normalised"]["metrics"] == first["normalised"]["metrics"]


def test_processes_draw_the_crops_of_one_and_share_them_out() -> None:
    present, pseudo, species = np.arange(30) < 10, np.zeros(30, bool), np.arange(30) % 4
    recipe = CropRecipe(6.0, crops_per_epoch=80)
    alone = list(CropSampler(species, present, pseudo, recipe, seed=0))
    parts = [list(CropSampler(species, present, pseudo, recipe, 0, rank, 2)) for rank in range(2)]
    assert [draw for both in zip(*parts, strict=True) for draw in both] == alone
    assert len({draw.seed for draw in alone}) == 80


@pytest.fixture(scope="module")
def trained(forest: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A run in two processes, one of whose test recordings is broken, and its settings."""
    folder = tmp_path_factory.mktemp("ddp")
    shutil.copytree(forest, folder / "forest")
    broken = sorted((folder / "forest" / "test").iterdir())[1]  # of the second process
    broken.write_bytes(broken.read_bytes()[: broken.stat().st_size // 3])
    settings = [
        *SECONDS,
        "data=rfcx",
        f"data.root={folder}/forest",
        "data.folds.held_out=2",
        f"data.folds.file={folder}/folds.csv",
        f"paths.output_dir={folder}/run",
        "trainer.max_epochs=1",
        "callbacks.report.num_pictures=0",
    ]
    more = ["trainer=ddp", "trainer.devices=2"]
    succeed(["-m", "rfcx_audio.train", *settings, *more], folder)
    return folder, settings


def test_the_command_finds_the_metrics_of_one_process(trained: tuple[Path, list[str]]) -> None:
    folder, settings = trained
    folds = pd.read_csv(folder / "folds.csv")
    assert (folds["fold"] == 2).sum() % 2 == 1  # shared out unevenly
    found = json.loads((folder / "run" / "metrics.json").read_text())
    config = settle(load_config("train", settings))
    method, data = build(config.method), build(config.data.module)
    trainer = build(config.trainer, logger=False, enable_progress_bar=False)
    best = read_checkpoint(folder / "run" / "checkpoints" / "best.ckpt")
    method.load_state_dict(best["state_dict"])
    expected = {}
    for measure in (trainer.validate, trainer.test):
        (values,) = measure(method, data, verbose=False)
        expected |= values
    assert {"val/auc", "val/log_loss", "test/lwlrap", "test/auc"} <= set(expected)
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=1e-6, nan_ok=True), name
    scores = pd.read_csv(folder / "run" / "test_scores.csv")
    assert scores["recording_id"].is_unique
    assert len(scores) == 5


def test_what_another_process_could_not_read_is_named(trained: tuple[Path, list[str]]) -> None:
    folder, _ = trained
    failures = pd.read_csv(folder / "run" / "failures.csv")
    broken = sorted(path.stem for path in (folder / "forest" / "test").iterdir())[1]
    assert failures["recording_id"].to_list() == [broken]


def test_a_cross_validation_is_refused_to_several_processes(forest: Path, tmp_path: Path) -> None:
    pair = ["trainer=ddp", "trainer.devices=2"]
    with pytest.raises(ValueError, match="crossval and relabel train in one process"):
        crossval(load_config("crossval", words(forest, tmp_path, *pair)))
