"""A run leaves what it claims, or fails with the reason; on invented sounds."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch

from noise_runs import SMALL, write_labels
from preloaded import run_module
from rfcx_audio.config import load_config
from rfcx_audio.data import cache, recording_dataset
from rfcx_audio.experiment import train_run
from rfcx_audio.scores import Scores
from trust.corpus import RATE
from trust.ledger import Tally

PART = "Runs and their results"
pytestmark = pytest.mark.slow
ROWS = [("dusk", "Wren", 1), ("dusk", "Rail", 0), ("dawn", "Rail", 1), ("dawn", "Wren", 0)]
QUICK = ["trainer.max_epochs=2", "data.folds.num_folds=2"]


def command(verb: str, *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return run_module(f"rfcx_audio.{verb}", *words, cwd=cwd)


def refused(done: subprocess.CompletedProcess[str], *parts: str) -> bool:
    """Whether a command has failed with a sentence that holds the parts, and no traceback."""
    named = all(part in done.stderr for part in parts)
    return done.returncode == 1 and named and "Traceback" not in done.stderr


@pytest.mark.promise(
    PART, "best.ckpt is the last epoch, with a warning, where no measure is defined"
)
@pytest.mark.parametrize("rows", [[*ROWS[:1], ("dawn", "Wren", 1)], ROWS[:2]], ids=["nan", "one"])
def test_an_undefined_measure_keeps_the_last_epoch(
    rows: list[tuple[str, str, int]], tmp_path: Path, tally: Tally
) -> None:
    write_labels(tmp_path / "data", rows)
    species = len({row[1] for row in rows})
    more = [f"data.root={tmp_path}/data", f"out={tmp_path}/run", f"data.num_species={species}"]
    done = command("train", *SMALL, *QUICK, *more, cwd=tmp_path)
    best, last = (tmp_path / "run" / "checkpoints" / f"{name}.ckpt" for name in ("best", "last"))
    tally.case(done.returncode == 0, done.stderr[-2000:])
    tally.case("best.ckpt is the last epoch: " in done.stdout, done.stdout[-2000:])
    epochs = {torch.load(path, weights_only=True)["epoch"] for path in (best, last)}
    tally.case(epochs == {1}, str(epochs))


@pytest.mark.promise(PART, "a recording too long to be read at once is trained on and validated")
@pytest.mark.parametrize("reader", ["cached", "direct"])
def test_long_recordings_are_used(
    reader: str, tmp_path: Path, tally: Tally, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording_dataset, "LONG_S", 3.0)
    monkeypatch.setattr(cache, "MAX_SAMPLES", 1000)
    write_labels(tmp_path / "data", ROWS)
    words = [f"data/reader={reader}", f"data.root={tmp_path}/data", f"out={tmp_path}/run"]
    words += [f"paths.data_dir={tmp_path}/cache"]
    trainer = train_run(load_config("train", [*SMALL, *QUICK, *words]))
    failures = pd.read_csv(tmp_path / "run" / "failures.csv")
    tally.case(failures.empty, str(failures))
    present = trainer.callback_metrics["val/log_loss_present"]
    tally.case(bool(torch.isfinite(present)), f"val/log_loss_present = {present}")


@pytest.mark.promise(PART, "a command that did none of its work fails with the reason")
@pytest.mark.parametrize("verb", ["train", "crossval", "relabel"])
def test_a_training_without_sound_fails(verb: str, tmp_path: Path, tally: Tally) -> None:
    write_labels(tmp_path / "data", [*ROWS, ("noon", "Wren", 1), ("noon", "Rail", 0)])
    words = [f"data.root={tmp_path}/data", f"out={tmp_path}/run", "data.reader.channel=2"]
    done = command(verb, *SMALL, *QUICK, "data.folds.num_folds=3", *words, cwd=tmp_path)
    tally.case(refused(done, "nothing was trained", "no channel 2"), done.stderr[-2000:])
    tally.case(not list(tmp_path.rglob("*.ckpt")), "a checkpoint was left")


@pytest.mark.promise(PART, "a command that did none of its work fails with the reason")
@pytest.mark.parametrize("verb", ["predict", "detect"])
def test_a_scoring_without_sound_fails(
    verb: str, checkpoint: Path, tmp_path: Path, tally: Tally
) -> None:
    (tmp_path / "audio").mkdir()
    for name in ("a", "b"):
        (tmp_path / "audio" / f"{name}.wav").write_bytes(b"nonsense")
    words = [f"checkpoint={checkpoint}", "recordings=audio", "out=scored"]
    tally.case(refused(command(verb, *words, cwd=tmp_path), "Format not recognised"), verb)


@pytest.mark.promise(PART, "an archive goes on with the same files, wherever they lie now")
def test_the_same_files_go_on(checkpoint: Path, tmp_path: Path, tally: Tally) -> None:
    audio = tmp_path / "card" / "audio"
    audio.mkdir(parents=True)
    for number in range(2):
        noise = np.random.default_rng(number).uniform(-0.3, 0.3, 4 * RATE)
        soundfile.write(audio / f"{number}.wav", noise, RATE)
    words = [f"checkpoint={checkpoint}", "out=scored"]
    first = command("predict", *words, f"recordings={audio}", cwd=tmp_path)
    tally.case(first.returncode == 0, first.stderr[-2000:])
    shutil.copytree(audio, tmp_path / "copied", copy_function=shutil.copyfile)
    before = (tmp_path / "scored" / "recordings" / "0.parquet").stat().st_mtime_ns
    for now in ("card/audio", "copied", "moved"):  # the first is a relative path
        if now == "moved":
            audio.rename(tmp_path / now)
        again = command("predict", *words, f"recordings={now}", cwd=tmp_path)
        tally.case(again.returncode == 0, again.stderr[-2000:])
        kept = (tmp_path / "scored" / "recordings" / "0.parquet").stat().st_mtime_ns
        tally.case(kept == before, f"{now}: it was scored again")


@pytest.mark.promise(PART, "a path with =, blanks or brackets is what it is on a command line")
@pytest.mark.parametrize("name", ["lr=0.1", "my run [2], (b)", "2024", "Käuzchen's"])
def test_paths_are_what_they_are(name: str, checkpoint: Path, tmp_path: Path, tally: Tally) -> None:
    place = tmp_path / name
    place.mkdir()
    shutil.copyfile(checkpoint, place / f"{name}.ckpt")
    soundfile.write(place / "dawn.wav", np.full(4 * RATE, 0.01), RATE)
    words = [f"checkpoint={name}/{name}.ckpt", f"recordings={name}", f"out={name}"]
    done = command("predict", *words, cwd=tmp_path)
    tally.case(done.returncode == 0, done.stderr[-2000:])
    tally.case((place / "scores.parquet").exists(), "no scores")


@pytest.mark.promise(PART, "a refusal is one sentence without a traceback")
@pytest.mark.parametrize(
    ("verb", "words", "parts"),
    [
        ("ensemble", ["scores=one.parquet"], ["expected a list of several"]),
        ("predict", ["checkpoint=gone.ckpt", "recordings=."], ["recordings=. is no audio file"]),
        ("detect", ["scores=gone.parquet"], ["gone.parquet is no table of scores"]),
        ("crossval", ["data.folds.num_folds=1"], ["num_folds = 1; at least 2 are needed"]),
        ("detect", ["scores=s.parquet", "out=file/x"], ["file/x cannot be written", "out=…"]),
        (
            "detect",
            ["scores=s.parquet", "thresholds=gone.csv"],
            ["thresholds=gone.csv is neither a number nor a file"],
        ),
    ],
)
def test_a_refusal_is_one_sentence(
    verb: str, words: list[str], parts: list[str], tmp_path: Path, tally: Tally
) -> None:
    (tmp_path / "file").touch()
    Scores.of_windows("a", [0.0], 1.0, [[0.9, 0.1]]).write(tmp_path / "s.parquet")
    done = command(verb, *words, cwd=tmp_path)
    tally.case(refused(done, *parts), done.stderr[-2000:])
    tally.case(len(done.stderr.splitlines()) == 1, done.stderr[-2000:])
