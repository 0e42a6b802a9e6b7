"""An interrupted run leaves complete files, and reaches the same result when resumed."""

from __future__ import annotations

import itertools
import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import torch

from quick import words
from rfcx_audio.method import WholeCheckpoints
from rfcx_audio.scoring import CONFIG_KEY, CheckpointError, read_checkpoint
from trust.killed import KILL_AT
from trust.ledger import Tally, brief_or_long

PART = "Interruption"
TESTS = Path(__file__).parents[1]
EPOCHS, BATCHES = 3, 4
METHODS = {
    "supervised": ["scheduler=cosine"],
    "co_teaching": ["method=co_teaching", "loss=bce"],
    "strong": ["augment=strong", "loss=lsoft_a", "loss.teacher=ema", "method.ema_decay=0.9"],
}
SELDOM = [pytest.param(name, marks=pytest.mark.trust) for name in ("co_teaching", "strong")]


def run_command(
    name: str, overrides: list[str], kill_at: int | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs an entry point."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])}
    if kill_at is not None:
        environment[KILL_AT] = str(kill_at)
    return subprocess.run(
        [sys.executable, "-m", f"rfcx_audio.{name}", *overrides],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def command(name: str, overrides: list[str], kill_at: int | None = None) -> int:
    """Runs an entry point that ends well or is killed; its exit code."""
    done = run_command(name, overrides, kill_at)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr[-3000:]
    return done.returncode


def overrides_for(forest: Path, folder: Path, *more: str) -> list[str]:
    """Overrides for a short run that `KILL_AT` can kill."""
    return words(
        forest,
        folder,
        f"trainer.max_epochs={EPOCHS}",
        "callbacks.report.num_pictures=0",
        "+callbacks.killed._target_=trust.killed.Killed",
        f"hydra.run.dir={folder}",
        *more,
    )


def end_of(folder: Path) -> tuple[dict[str, torch.Tensor], dict[str, float]]:
    """The last weights and the metrics of a run."""
    weights = read_checkpoint(folder / "checkpoints" / "last.ckpt")["state_dict"]
    return weights, json.loads((folder / "metrics.json").read_text())


def differing(one: Path, other: Path) -> list[str]:
    """Weights and metrics in which two runs differ by a bit."""
    (weights, metrics), (others, other_metrics) = end_of(one), end_of(other)
    assert weights.keys() == others.keys()
    names = [name for name in weights if not torch.equal(weights[name], others[name])]
    measured = {key: value for key, value in metrics.items() if not key.startswith("train/")}
    return names + [
        key for key, value in measured.items() if repr(other_metrics[key]) != repr(value)
    ]


@pytest.mark.slow
@pytest.mark.promise(PART, "a training killed at a random step and resumed ends bit for bit alike")
@pytest.mark.parametrize("method", ["supervised", *SELDOM])
def test_a_killed_training_goes_on(method: str, forest: Path, tmp_path: Path, tally: Tally) -> None:
    command("train", overrides_for(forest, tmp_path / "whole", *METHODS[method]))
    steps = random.Random(METHODS.__len__()).sample(  # noqa: S311
        range(BATCHES + 1, EPOCHS * BATCHES), brief_or_long(1, 5)
    )
    for step in steps:
        folder = tmp_path / f"killed_{step}"
        again = overrides_for(forest, folder, *METHODS[method])
        assert command("train", again, kill_at=step) == -signal.SIGKILL
        last = folder / "checkpoints" / "last.ckpt"
        assert command("train", [*again, f"resume={last}"]) == 0
        different = differing(tmp_path / "whole", folder)
        tally.case(not different, f"{method}, step {step}: {different[:5]}")


@pytest.mark.slow
@pytest.mark.trust
@pytest.mark.promise(PART, "folds and pseudo-label rounds killed at a random step end alike")
@pytest.mark.parametrize("name", ["crossval", "relabel"])
def test_killed_folds_and_rounds_go_on(
    name: str, forest: Path, tmp_path: Path, tally: Tally
) -> None:
    def settings(folder: Path) -> list[str]:
        few = ["data.folds.num_folds=3", f"folder={folder}", "trainer.max_epochs=1"]
        return overrides_for(forest, folder, *few)

    command(name, settings(tmp_path / "whole"))
    table = "oof_scores.parquet" if name == "crossval" else "rounds.csv"
    batches = BATCHES * (2 if name == "crossval" else 3)
    for step in random.Random(1).sample(range(1, batches), 3):  # noqa: S311
        folder = tmp_path / f"killed_{step}"
        assert command(name, settings(folder), kill_at=step) == -signal.SIGKILL
        assert command(name, settings(folder)) == 0
        read = pd.read_parquet if table.endswith("parquet") else pd.read_csv
        alike = read(folder / table).equals(read(tmp_path / "whole" / table))
        metrics = [
            json.loads((f / "metrics.json").read_text()) for f in (folder, tmp_path / "whole")
        ]
        tally.case(alike and repr(metrics[0]) == repr(metrics[1]), f"{name}, step {step}")


def save_for_ever(path: Path) -> None:
    for epoch in itertools.count(1):
        content = {"epoch": epoch, "weights": torch.full((200_000,), float(epoch))}
        WholeCheckpoints().save_checkpoint(content, path)


@pytest.mark.promise(PART, "a process killed while it writes a checkpoint leaves a whole one")
def test_a_killed_writer_leaves_a_whole_checkpoint(tmp_path: Path, tally: Tally) -> None:
    path = tmp_path / "last.ckpt"
    WholeCheckpoints().save_checkpoint({"epoch": 0, "weights": torch.zeros(1)}, path)
    rng = random.Random(0)  # noqa: S311
    for _ in range(brief_or_long(10, 300)):
        writer = multiprocessing.get_context("fork").Process(target=save_for_ever, args=(path,))
        writer.start()
        time.sleep(rng.uniform(0.0, 0.05))
        writer.kill()
        writer.join()
        found = WholeCheckpoints().load_checkpoint(path)
        tally.case(bool((found["weights"] == found["epoch"]).all()), f"epoch {found['epoch']}")
    assert {file.name for file in tmp_path.iterdir()} <= {"last.ckpt", ".last.ckpt.part"}


@pytest.mark.promise(PART, "a checkpoint of which the end is missing is never loaded")
def test_half_a_checkpoint_is_not_loaded(tmp_path: Path, tally: Tally) -> None:
    path = tmp_path / "last.ckpt"
    torch.save({CONFIG_KEY: "seed: 0", "state_dict": {"a": torch.arange(500.0)}}, path)
    whole = path.read_bytes()
    for length in range(0, len(whole), brief_or_long(50, 1)):
        path.write_bytes(whole[:length])
        try:
            read_checkpoint(path)
        except CheckpointError as error:
            tally.case(str(path) in str(error), f"{length} bytes: {error}")
        else:
            tally.case(False, f"{length} bytes of {len(whole)} were loaded")


@pytest.mark.slow
@pytest.mark.promise(PART, "Ctrl-C ends a training cleanly, with what was done kept")
def test_ctrl_c_keeps_what_was_done(forest: Path, tmp_path: Path, tally: Tally) -> None:
    folder = tmp_path / "run"
    overrides = overrides_for(forest, folder, "trainer.max_epochs=500")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])}
    process = subprocess.Popen(
        [sys.executable, "-m", "rfcx_audio.train", *overrides],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # If the tests run in the background, children would ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 (no threads yet)
    )
    last = folder / "checkpoints" / "last.ckpt"
    while not last.exists() and process.poll() is None:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=120)
    tally.case(read_checkpoint(last)["epoch"] >= 0, "no whole checkpoint")
    tally.case(process.returncode == 130, f"exit code {process.returncode}")
    tally.case(f"resume={last}" in output, "does not name the option to resume")
    tally.case("Traceback" not in output, output[-500:])
