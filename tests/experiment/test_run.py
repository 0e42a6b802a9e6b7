"""Every named experiment, at laptop size, from its command line words to a metric."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import pytest
import torch
from torch import nn

from conftest import forest_overrides
from quick import words
from rfcx_audio.config import CONF_DIR, load_config
from rfcx_audio.experiment import relabel, train_run
from rfcx_audio.scoring import load_recogniser, read_checkpoint

NAMES = sorted(path.stem for path in (CONF_DIR / "experiment").glob("*.yaml"))
ROUNDS = [name for name in NAMES if name.startswith("pseudo_labels")]
EXPERIMENTS = [name for name in NAMES if name not in ROUNDS]
FEW_STEPS = [
    "scale=laptop",
    "trainer.max_epochs=1",
    "trainer.check_val_every_n_epoch=1",
    "trainer.accelerator=cpu",
    "data.crops.crops_per_epoch=8",
    "data.batch_size=4",
    "callbacks.progress.refresh_rate=0",
    "callbacks.report.num_pictures=0",
]


def few_steps(forest: Path, folder: Path, *more: str) -> list[str]:
    places = [f"paths.output_dir={folder}", f"paths.data_dir={forest.parent / 'data'}"]
    return [*forest_overrides(forest), *places, *FEW_STEPS, *more]


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_runs_to_a_metric(forest: Path, tmp_path: Path, name: str) -> None:
    trainer = train_run(load_config("train", few_steps(forest, tmp_path, f"experiment={name}")))
    assert 0 < trainer.callback_metrics["test/lwlrap"] <= 1
    recogniser = load_recogniser(tmp_path / "checkpoints" / "last.ckpt")
    scores, _ = recogniser(torch.zeros(12 * 48_000))
    assert scores.shape[1] == 24


@pytest.mark.slow
@pytest.mark.parametrize("name", ROUNDS)
def test_an_experiment_with_rounds_runs_to_a_metric(
    forest: Path, tmp_path: Path, name: str
) -> None:
    folds = ["data.folds.num_folds=3", "teacher_epochs=1", f"folder={tmp_path}"]
    relabel(load_config("relabel", few_steps(forest, tmp_path, f"experiment={name}", *folds)))
    assert 0 < json.loads((tmp_path / "metrics.json").read_text())["test/lwlrap"] <= 1
    assert (tmp_path / "round_1" / "rows.csv").exists()


@pytest.mark.slow
def test_the_second_stage_begins_with_the_first_ones_best_weights(
    forest: Path, tmp_path: Path
) -> None:
    still = ["first_stage={seed: 5}", "optimizer=sgd", "optimizer.lr=0.0"]
    train_run(load_config("train", few_steps(forest, tmp_path, *still, "augment=none")))
    first, second = (
        read_checkpoint(folder / "checkpoints" / "best.ckpt")["state_dict"]
        for folder in (tmp_path / "first_stage", tmp_path)
    )
    weights = [name for name in first if name.endswith("weight")]
    assert weights
    assert all(torch.equal(first[name], second[name]) for name in weights)


@pytest.mark.slow
def test_a_teacher_follows_the_network_and_travels_with_the_checkpoint(
    forest: Path, tmp_path: Path
) -> None:
    ema = ["loss=lsoft_a", "loss.teacher=ema", "method.ema_decay=0.5", "augment=none"]
    train_run(load_config("train", few_steps(forest, tmp_path, *ema)))
    state = read_checkpoint(tmp_path / "checkpoints" / "last.ckpt")["state_dict"]
    assert state["teacher.n_averaged"] == 2
    name = "head.linear.weight"
    assert not torch.equal(state[f"teacher.module.{name}"], state[f"model.{name}"])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*torch.jit.script_method:DeprecationWarning")  # torch's own
def test_a_compiled_network_gives_the_same(forest: Path, tmp_path: Path) -> None:
    more = ["trainer.max_epochs=1", "compile=aot_eager", "trainer.limit_val_batches=1"]
    trainer = train_run(load_config("train", words(forest, tmp_path, *more)))
    model = cast("nn.Module", trainer.lightning_module.model).eval()
    assert model._compiled_call_impl is not None
    spectrogram = torch.randn(3, 1, 128, 141)
    torch.testing.assert_close(
        model(spectrogram).clip, model.forward(spectrogram).clip, atol=1e-4, rtol=1e-4
    )
    kept = read_checkpoint(tmp_path / "checkpoints" / "last.ckpt")["state_dict"]
    assert {f"model.{name}" for name in model.state_dict()} <= set(kept)
