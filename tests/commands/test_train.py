from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
import torch

from preloaded import run_module
from quick import words
from rfcx_audio.config import load_config
from rfcx_audio.experiment import train_run
from rfcx_audio.scoring import CheckpointError

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def run(forest: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one finished run."""
    folder = tmp_path_factory.mktemp("run")
    train_run(load_config("train", words(forest, folder)))
    return folder


def weights(checkpoint: Path) -> dict[str, torch.Tensor]:
    return torch.load(checkpoint, weights_only=True)["state_dict"]


def test_a_run_leaves_what_can_be_looked_at(run: Path) -> None:
    for name in (
        "versions.json",
        "seconds.json",
        "config.yaml",
        "left_out.csv",
        "failures.csv",
        "csv/metrics.csv",
        "learning_curves.png",
        "test_metrics.csv",
        "test_scores.csv",
        "checkpoints/best.ckpt",
        "checkpoints/last.ckpt",
    ):
        assert (run / name).stat().st_size > 0, name
    assert len(list((run / "pictures").glob("*.png"))) == 4
    assert list((run / "tensorboard").glob("events*"))
    metrics = json.loads((run / "metrics.json").read_text())
    validated = {f"val/{name}" for name in ("auc_unlabelled", "auc", "log_loss", "lwlrap_partial")}
    assert validated | {"test/lwlrap"} <= set(metrics)
    versions = json.loads((run / "versions.json").read_text())
    assert versions["weights"].startswith("random")


def test_the_result_stands_beside_its_baselines(run: Path) -> None:
    table = pd.read_csv(run / "test_metrics.csv", index_col="scores")
    assert len(table) >= 4
    assert table["lwlrap"].between(0, 1).all()
    scores = pd.read_csv(run / "test_scores.csv")
    assert len(scores) == 6
    assert scores.filter(regex="^s").to_numpy().min() >= 0


def test_the_same_seed_gives_the_same_run(run: Path, forest: Path, tmp_path: Path) -> None:
    train_run(load_config("train", words(forest, tmp_path, "data.num_workers=1")))
    first, again = (
        weights(run / "checkpoints/last.ckpt"),
        weights(tmp_path / "checkpoints/last.ckpt"),
    )
    for name in first:
        assert torch.equal(first[name], again[name]), name


# The new run keeps its own checkpoints; Lightning warns that it leaves the old ones where they are.
@pytest.mark.filterwarnings("ignore:The dirpath has changed")
def test_a_resumed_run_equals_an_uninterrupted_one(run: Path, forest: Path, tmp_path: Path) -> None:
    # A limit on the steps shortens a cosine too; a constant rate makes the halves comparable.
    def go(folder: str, *more: str) -> Path:
        overrides = words(forest, tmp_path / folder, "scheduler=constant", *more)
        train_run(load_config("train", overrides))
        return tmp_path / folder / "checkpoints" / "last.ckpt"

    whole = go("whole")
    first = go("first", "+trainer.max_steps=4")
    assert torch.load(first, weights_only=True)["epoch"] == 0
    second = go("second", f"resume={first}")
    expected, found = weights(whole), weights(second)
    for name in expected:
        assert torch.equal(expected[name], found[name]), name


def test_impossible_combinations_are_refused_before_data_is_touched(tmp_path: Path) -> None:
    nowhere = ["data=rfcx", f"data.root={tmp_path}/nowhere", f"paths.output_dir={tmp_path}"]
    with pytest.raises(Exception, match=r"f_max|Nyquist|sample_rate"):
        train_run(load_config("train", [*nowhere, "data.sample_rate=16000"]))
    with pytest.raises(ValueError, match=r"too small|needs|at least"):
        attention = "model/head=attention_v2"
        train_run(load_config("train", [*nowhere, attention, "data.crop_duration_s=0.5"]))
    deck = ["model/head=squeezed_parallel", "model.head.block_pool=2"]
    with pytest.raises(ValueError, match=r"map of 1 x 2 .*block_pool=1"):
        train_run(load_config("train", [*nowhere, *deck]))
    with pytest.raises(CheckpointError, match="does not exist"):
        train_run(load_config("train", [*nowhere, "resume=gone.ckpt"]))


def test_broken_recordings_are_named_and_counted(
    forest: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = tmp_path / "forest"
    (root / "train").mkdir(parents=True)
    for name in ("train_tp.csv", "train_fp.csv", "rainforest.json"):
        (root / name).write_bytes((forest / name).read_bytes())
    files = sorted((forest / "train").glob("*.flac"))
    for number, path in enumerate(files):
        content = path.read_bytes()
        cut = {0: b"", 1: content[: len(content) // 3]}.get(number, content)
        (root / "train" / path.name).write_bytes(cut)
    more = ["data=rfcx", "data.crops.crops_per_epoch=128", f"paths.data_dir={tmp_path}"]
    config = words(root, tmp_path / "run", *more)
    config = [word for word in config if not word.startswith("data.source.")]
    train_run(load_config("train", config))
    failures = pd.read_csv(tmp_path / "run" / "failures.csv")
    assert files[0].stem in set(failures["recording_id"])
    assert files[1].stem in set(failures["recording_id"])
    assert len(failures) == 2
    assert "2 recording(s) could not be read" in caplog.text


def test_a_multirun_ends_with_one_table(forest: Path, tmp_path: Path) -> None:
    quick = [w for w in words(forest, tmp_path) if not w.startswith("paths.output_dir")]
    more = ["trainer.max_epochs=1", "loss=bce,masked_bce", f"paths.runs_dir={tmp_path}"]
    done = run_module("rfcx_audio.train", "-m", *quick, *more, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (table_file,) = tmp_path.rglob("comparison.csv")
    table = pd.read_csv(table_file)
    assert [("masked_bce" in words) for words in table["overrides"]] == [False, True]
    assert table["test/lwlrap"].notna().all()
    assert "runs in" in done.stdout


@pytest.mark.data
def test_the_real_recordings_train_a_model(real_data: Path, tmp_path: Path) -> None:
    overrides = [
        "data=rfcx",
        f"data.root={real_data}",
        f"paths.data_dir={tmp_path}",
        f"paths.output_dir={tmp_path}",
        "trainer.max_epochs=1",
        "data.crops.crops_per_epoch=64",
        "data.num_workers=0",
        "callbacks.progress.refresh_rate=0",
    ]
    train_run(load_config("train", overrides))
    left_out = pd.read_csv(tmp_path / "left_out.csv")
    assert len(left_out) == 8971
    assert (tmp_path / "checkpoints" / "best.ckpt").exists()


def test_a_run_from_memory_equals_one_that_decodes(
    run: Path, forest: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        train_run(load_config("train", words(forest, tmp_path, "data/reader=resident")))
    assert "GB of 16-bit samples" in caplog.text
    expected = weights(run / "checkpoints/last.ckpt")
    for name, value in weights(tmp_path / "checkpoints/last.ckpt").items():
        assert torch.equal(value, expected[name]), name


def test_the_command_ends_with_its_results_and_the_next_command(
    forest: Path, tmp_path: Path
) -> None:
    more = [
        f"hydra.run.dir={tmp_path}/log",
        "trainer.max_epochs=1",
        "callbacks.progress.refresh_rate=1",
        "+trainer.limit_test_batches=1",
    ]
    done = run_module("rfcx_audio.train", *words(forest, tmp_path / "run", *more), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "validation of the last epoch" in done.stdout
    assert "val/auc_unlabelled" in done.stdout
    assert "epoch 1 of 1: val/" in done.stdout
    best = tmp_path / "run" / "checkpoints" / "best.ckpt"
    last = done.stdout.splitlines()[-1]
    assert last == f"next: rfcx-audio predict checkpoint={best} recordings=…"
