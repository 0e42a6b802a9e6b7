from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch

from archives import (
    RATE,
    predict,
    predict_and_weigh,
    predict_with_ctrl_c,
    write_checkpoint,
    write_recordings,
)
from preloaded import beside, run_module
from quick import words
from rfcx_audio.commands.ensemble import scored
from rfcx_audio.config import load_config
from rfcx_audio.experiment import train_run
from rfcx_audio.scores import Calibration, PlattCurve, Scores, SpeciesFit
from rfcx_audio.scoring import load_recogniser, read_trained, save_artefact
from rfcx_audio.scoring.artefact import file_hash

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def checkpoint(forest: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    train_run(load_config("train", words(forest, folder, "trainer.max_epochs=1")))
    return folder / "checkpoints" / "best.ckpt"


def run(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    folders = f"paths.output_dir={tmp_path}/out", f"hydra.run.dir={tmp_path}/out"
    return run_module("rfcx_audio.predict", *folders, *arguments, cwd=tmp_path)


def test_the_command_writes_scores_submission_and_pictures(
    checkpoint: Path, forest: Path, tmp_path: Path
) -> None:
    (tmp_path / "audio").mkdir()
    for path in sorted((forest / "test").glob("*.flac"))[:3]:
        (tmp_path / "audio" / path.name).write_bytes(path.read_bytes())
    (tmp_path / "audio" / "broken.flac").write_bytes(b"nonsense")
    done = run(
        tmp_path,
        f"checkpoint={checkpoint}",
        f"recordings={tmp_path}/audio",
        f"sample_submission={forest}/sample_submission.csv",
        "pictures=true",
        "tta=2",
        "smooth=3",
    )
    assert done.returncode == 0, done.stderr
    assert "3 recordings scored, 1 could not be read" in done.stdout + done.stderr
    written = Scores.read(tmp_path / "out" / "scores.parquet")
    scores, made_with = written.frame(), written.metadata
    assert scores["recording_id"].nunique() == 3
    assert made_with.items() >= {"overlap": 0.5, "tta": 2, "smooth": 3}.items()
    assert made_with["checkpoint_sha256"] == file_hash(checkpoint)
    last = scores.groupby("recording_id")["t_max"].max()
    assert last.between(11.9, 12.1).all()  # the last window is flush with the end
    sample = pd.read_csv(forest / "sample_submission.csv")
    submitted = pd.read_csv(tmp_path / "out" / "submission.csv")
    assert submitted["recording_id"].to_list() == sample["recording_id"].to_list()
    assert list(submitted) == list(sample)
    failures = pd.read_csv(tmp_path / "out" / "failures.csv")
    assert failures["recording_id"].to_list() == ["broken"]
    assert len(list((tmp_path / "out" / "pictures").glob("*.png"))) == 3


def test_errors_name_what_is_wrong(checkpoint: Path, forest: Path, tmp_path: Path) -> None:
    done = run(tmp_path, "checkpoint=gone.ckpt", f"recordings={forest}/test")
    assert "gone.ckpt does not exist" in done.stderr
    done = run(tmp_path, f"checkpoint={checkpoint}", "recordings=nowhere")
    assert "recordings=nowhere is no audio file, no folder with any" in done.stderr


def test_scores_equal_those_of_the_test_after_training(checkpoint: Path, forest: Path) -> None:
    recogniser = load_recogniser(checkpoint)
    paths = {path.stem: path for path in sorted((forest / "test").glob("*.flac"))}
    one = recogniser.score(paths).frame()
    tested = pd.read_csv(checkpoint.parents[1] / "test_scores.csv").set_index("recording_id")
    pooled = one.groupby("recording_id")[list(tested)].max().loc[tested.index]
    assert abs(pooled - tested).to_numpy().max() < 0.02  # bf16 against float32 at most


@pytest.mark.parametrize("threads", [1, 2])
def test_predict_writes_the_scores_of_the_recogniser_bit_for_bit(
    tmp_path: Path, threads: int
) -> None:
    paths = write_recordings(tmp_path / "audio", 5, broken=[3])
    samples = np.random.default_rng(9).uniform(-0.5, 0.5, 150 * RATE)  # of several blocks
    soundfile.write(tmp_path / "audio" / "a" / "long.flac", samples, RATE)
    paths = dict(sorted({**paths, "a/long": tmp_path / "audio" / "a" / "long.flac"}.items()))
    checkpoint = write_checkpoint(tmp_path)
    words = [f"checkpoint={checkpoint}", f"recordings={tmp_path}/audio", "tta=2", "smooth=3"]
    done = run(tmp_path, *words, f"engine.num_threads={threads}")
    assert done.returncode == 0, done.stderr
    recogniser = load_recogniser(checkpoint, tta=2, smooth=3)
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # how sums are rounded depends on it
    try:
        ours = recogniser.score(paths)
    finally:
        torch.set_num_threads(before)
    theirs = Scores.read(tmp_path / "out" / "scores.parquet")
    np.testing.assert_array_equal(theirs.values, ours.values)
    pd.testing.assert_frame_equal(theirs.keys, ours.keys, check_dtype=False, check_exact=True)
    assert list(ours.metadata.pop("failures")) == ["b/03"]
    assert theirs.metadata.items() >= ours.metadata.items()


def test_the_calibration_of_an_artefact_is_applied_by_predict_and_by_ensemble(
    tmp_path: Path,
) -> None:
    checkpoint = write_checkpoint(tmp_path)
    write_recordings(tmp_path / "audio", 3)
    curve = Calibration(
        "platt",
        20,
        tuple(SpeciesFit(30.0, 30.0, 0.5, 0.5, PlattCurve(3.0, n / 8)) for n in range(24)),
    )
    trained = read_trained(checkpoint)
    artefact = tmp_path / "shared"
    save_artefact(trained._replace(calibration=curve.to_dict()), artefact)
    for place in (checkpoint, artefact):
        out = f"paths.output_dir={tmp_path}/{place.stem}"
        words = [f"checkpoint={place}", f"recordings={tmp_path}/audio", "smooth=3", "tta=2", out]
        process = beside(predict, *words, f"hydra.run.dir={tmp_path}/hydra")
        process.join()
        assert process.exitcode == 0
    raw = Scores.read(tmp_path / checkpoint.stem / "scores.parquet").frame()
    written = Scores.read(tmp_path / "shared" / "scores.parquet")
    scores, made_with = written.frame(), written.metadata
    species = [f"s{n}" for n in range(24)]
    by_hand = curve(torch.from_numpy(raw[species].to_numpy(copy=True))).numpy()
    assert abs(by_hand - raw[species].to_numpy()).max() > 0.1
    np.testing.assert_allclose(scores[species].to_numpy(), by_hand, atol=1e-6)
    assert made_with["calibration"] == curve.to_dict()
    members = [f"scores=[{artefact}]", f"recordings={tmp_path}/audio"]
    places = scored(load_config("ensemble", [*members, f"paths.output_dir={tmp_path}/both"]))
    of_member = Scores.read(places[0]).frame()
    whole = load_recogniser(artefact)
    waveform = torch.from_numpy(whole.reader.read(tmp_path / "audio" / "a" / "00.wav"))
    expected, _ = whole(waveform)
    found = of_member.loc[of_member["recording_id"] == "a/00", species].to_numpy()
    np.testing.assert_allclose(found, expected.numpy(), atol=0.02)  # bf16 at most


TABLES = "scores.parquet", "submission.csv", "failures.csv"
BROKEN = (3, 11, 12, 30, 49)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny checkpoint, 50 recordings, five of them broken, and their tables, made in one go."""
    folder = tmp_path_factory.mktemp("archive")
    write_checkpoint(folder)
    write_recordings(folder / "audio", 50, BROKEN)
    process = beside(predict, *archive_words(folder, folder / "whole"))
    process.join()
    assert process.exitcode == 0
    return folder


def archive_words(folder: Path, out: Path, threads: int = 2) -> list[str]:
    """The words that score the archive into a folder."""
    return [
        f"checkpoint={folder}/seed_0.ckpt",
        f"recordings={folder}/audio",
        f"engine.num_threads={threads}",
        "tta=4",
        f"paths.output_dir={out}",
        f"hydra.run.dir={out}/hydra",
    ]


def outcomes(out: Path) -> int:
    """Recordings that something has become of."""
    found = [*(out / "recordings").rglob("*.parquet"), *(out / "unreadable").rglob("*.txt")]
    return sum(not path.name.startswith(".") for path in found)


def killed(archive: Path, out: Path, target: int, delay_s: float, threads: int) -> int:
    """The exit code of a command that is killed when so much is done, and a moment has gone by."""
    process = beside(predict, *archive_words(archive, out, threads))
    while outcomes(out) < target and process.is_alive():
        time.sleep(0.002)
    time.sleep(delay_s)
    process.kill()
    process.join()
    assert process.exitcode is not None
    return process.exitcode


def test_killed_ten_times_it_gives_the_tables_of_an_uninterrupted_run(archive: Path) -> None:
    out, draw = archive / "killed", np.random.default_rng(0)
    for target in [*sorted(draw.choice(46, 9, replace=False)), 50]:
        code = 0
        while code != -signal.SIGKILL:  # again, should it have been the faster
            assert code == 0
            code = killed(archive, out, target, draw.uniform(0, 0.1), draw.integers(1, 4))
        assert outcomes(out) >= target
    done = run(archive, *archive_words(archive, out))
    assert done.returncode == 0, done.stderr
    assert "50 of 50 recordings are done already" in done.stdout + done.stderr
    for name in TABLES:
        assert (out / name).read_bytes() == (archive / "whole" / name).read_bytes()
    failures = pd.read_csv(out / "failures.csv")
    assert failures["recording_id"].to_list() == sorted(f"{'ab'[i % 2]}/{i:02}" for i in BROKEN)
    assert failures["reason"].str.len().min() > 5
    assert len(Scores.read(out / "scores.parquet").recordings) == 45


def test_ctrl_c_keeps_what_is_done_and_prints_how_to_go_on(archive: Path) -> None:
    for attempt in range(5):  # again, should the command have been the faster
        out = archive / f"interrupted_{attempt}"
        process = beside(predict_with_ctrl_c, *archive_words(archive, out, threads=1))
        while outcomes(out) < 5 and process.is_alive():
            time.sleep(0.002)
        assert process.pid is not None
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGINT)
        process.join()
        if process.exitcode != 0:
            break
    assert process.exitcode == 130
    assert 5 <= outcomes(out) < 50
    assert not (out / "scores.parquet").exists()
    log = (out / "hydra" / "predict.log").read_text()
    assert f"the same command with out={out}" in log


def test_memory_does_not_grow_with_the_length_of_a_recording(archive: Path) -> None:
    def peak_mb(minutes: int) -> float:
        path, out = archive / f"{minutes}.wav", archive / f"out_{minutes}"
        with soundfile.SoundFile(path, "w", RATE, 1) as file:
            for _ in range(minutes):
                file.write(np.random.default_rng(0).uniform(-0.5, 0.5, 60 * RATE))
        words = [*archive_words(archive, out), f"recordings={path}", "tta=1"]
        here, there = multiprocessing.Pipe()
        process = beside(predict_and_weigh, there, *words)
        weight = here.recv()
        process.join()
        return weight

    # As a whole, forty minutes at this rate are 154 MB, and their spectrogram is more.
    assert peak_mb(40) < peak_mb(2) + 40


def test_a_command_that_scored_nothing_fails_with_the_reason(tmp_path: Path) -> None:
    checkpoint = write_checkpoint(tmp_path)
    (tmp_path / "audio").mkdir()
    (tmp_path / "audio" / "a.m4a").write_bytes(b"x")
    (tmp_path / "audio" / "b.wav").touch()
    places = f"checkpoint={checkpoint}", f"recordings={tmp_path}/audio"
    done = run(tmp_path, *places)
    assert done.returncode == 1
    assert "none of the 2 recordings could be read; the first, 'a': .m4a files" in done.stderr
    failures = pd.read_csv(tmp_path / "out" / "failures.csv")
    assert failures["recording_id"].to_list() == ["a", "b"]
