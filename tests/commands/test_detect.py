from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

import rfcx_audio
from preloaded import run_module
from quick import words
from rfcx_audio.commands import detect
from rfcx_audio.commands.detect import (
    check_recordings,
    limits_of,
    recordings_of,
    scores_of,
    species_of,
)
from rfcx_audio.config import load_config
from rfcx_audio.data import RecordingInfo, Recordings, TableFolder
from rfcx_audio.events import below_nyquist, describe_events
from rfcx_audio.experiment import train_run
from rfcx_audio.scores import Scores
from rfcx_audio.scoring import load_recogniser


def run(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    words = [f"hydra.run.dir={tmp_path}/out", *arguments]
    return run_module("rfcx_audio.detect", *words, cwd=tmp_path)


@pytest.fixture
def scores(tmp_path: Path) -> Path:
    """Two recordings of 4 s, of whose two species one is detected in each."""
    (tmp_path / "audio").mkdir()
    tables = []
    for number, name in enumerate("ab"):
        soundfile.write(tmp_path / "audio" / f"{name}.wav", np.full(64_000, 0.1), 16_000)
        values = np.zeros((4, 2))
        values[1:, number] = [0.4, 0.9, 0.8]
        tables.append(
            Scores.of_windows(name, np.arange(4.0), 1.1, values)
        )  # the last one is padded
    Scores.concatenate(tables).write(tmp_path / "scores.parquet")
    return tmp_path / "scores.parquet"


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    folder = tmp_path / "labels"
    folder.mkdir()
    (folder / "x.txt").write_text("0.0\t1.0\tOwl\n\\\t300.0\t900.0\n0.0\t1.0\tFrog\n")
    return folder


@pytest.mark.slow
def test_the_command_makes_events_that_train_again(
    scores: Path, labels: Path, tmp_path: Path
) -> None:
    audio = tmp_path / "audio"
    done = run(tmp_path, f"scores={scores}", f"recordings={audio}", f"labels={labels}")
    assert done.returncode == 0, done.stderr
    assert "2 events of 2 species in 2 of 2 recordings" in done.stdout + done.stderr
    events = pd.read_csv(tmp_path / "out" / "events.csv")
    columns = ["recording_id", "species", "t_min", "t_max", "f_min", "f_max", "score"]
    assert events[columns].to_numpy().tolist() == [
        ["a", "Frog", 1.0, 4.0, 0.0, 8000.0, 0.9],
        ["b", "Owl", 1.0, 4.0, 300.0, 900.0, 0.9],
    ]
    together = pd.read_csv(tmp_path / "out" / "raven.selections.txt", sep="\t")
    assert together["Begin Time (s)"].to_list() == [1.0, 5.0]
    for place in ("raven", "audacity"):
        folder = str(tmp_path / "out" / place)
        source = TableFolder(folder, str(audio))
        assert source.load().usable["species_id"].to_list() == [0, 1]


@pytest.mark.slow
def test_a_checkpoint_with_frames_places_events_within_windows(
    forest: Path, tmp_path: Path
) -> None:
    more = ["trainer.max_epochs=1", "model/head=sed"]
    train_run(load_config("train", words(forest, tmp_path / "run", *more)))
    (tmp_path / "audio").mkdir()
    for path in sorted((forest / "test").glob("*.flac"))[:2]:
        (tmp_path / "audio" / path.name).write_bytes(path.read_bytes())
    (tmp_path / "audio" / "broken.flac").write_bytes(b"nonsense")
    checkpoint = tmp_path / "run" / "checkpoints" / "best.ckpt"
    config = load_config("detect", [f"checkpoint={checkpoint}", f"recordings={tmp_path}/audio"])
    recordings = recordings_of(config)
    scores, frames = scores_of(config, recordings, load_recogniser(checkpoint))
    assert list(recordings.failures) == ["broken"]
    assert set(frames) == set(scores.recordings)
    assert all(one.scores.shape[1] > 1 for one in frames.values())


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    for given, message in [
        ([], "give either scores"),
        (["scores=a", "checkpoint=b"], "give either scores"),
        (["checkpoint=b"], "needs recordings="),
        (["scores=a", f"recordings={tmp_path}"], "no folder with any"),
        (["scores=a", f"recordings={tmp_path}/x.wav"], "is no audio file"),
    ]:
        with pytest.raises(ValueError, match=message):
            recordings_of(load_config("detect", given))


def test_scores_of_other_recordings_are_refused(scores: Path, tmp_path: Path) -> None:
    config = load_config("detect", [f"scores={scores}", f"recordings={tmp_path}/audio/a.wav"])
    recordings = recordings_of(config)
    found, _ = scores_of(config, recordings, None)
    with pytest.raises(ValueError, match=r"1 recording.* the first is 'b'"):
        check_recordings(found, recordings)
    check_recordings(found, Recordings.scan(tmp_path / "audio"))


def test_recordings_have_the_ids_that_predict_gives_them(scores: Path, tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "audio").rename(tmp_path / "site" / "day")
    table = Scores.read(scores).frame()
    table["recording_id"] = "day/" + table["recording_id"]
    Scores.from_frame(table).write(scores)
    done = run(tmp_path, f"scores={scores}", f"recordings={tmp_path}/site")
    assert done.returncode == 0, done.stderr
    events = pd.read_csv(tmp_path / "out" / "events.csv")
    assert set(events["recording_id"]) == {"day/a", "day/b"}


def test_bands_are_those_of_the_labels_or_of_the_model_or_the_whole_one(
    labels: Path, caplog: pytest.LogCaptureFixture
) -> None:
    about = {"Owl": {"band": [300.0, 900.0]}}
    names, config = ("Owl", "Wren"), load_config("detect")
    scores = Scores.of_windows("a", [0.0], 6.0, [[0.1, 0.2]], {"about": about}, names)
    rows, found = species_of(config, scores, 24_000.0)
    assert found == {0: "Owl", 1: "Wren"}
    assert "1 of 2 species have no bands: their events reach up to 24000 Hz" in caplog.text
    events = pd.DataFrame({"recording_id": ["a", "b"], "species_id": [0, 1], "t_min": 0.0})
    events = describe_events(events.assign(t_max=1.0, score=0.9), rows, found, 24_000.0)
    assert events[["songtype_id", "f_min", "f_max"]].to_numpy().tolist() == [
        [1, 300, 900],
        [1, 0, 24_000],
    ]
    cut = below_nyquist(events, {"b": RecordingInfo(sample_rate=8000)})
    assert cut[["f_min", "f_max"]].to_numpy().tolist() == [[300, 900], [0, 4000]]
    assert len(below_nyquist(events, {"a": RecordingInfo(sample_rate=600)})) == 1
    assert "1 events are left out: their species call above" in caplog.text
    assert "Owl in a, which ends at 300 Hz" in caplog.text
    unnamed = Scores.of_windows("a", [0.0], 6.0, [[0.1, 0.2]])
    named = species_of(load_config("detect", [f"labels={labels}"]), unnamed, 8000.0)[1]
    assert named == {0: "Frog", 1: "Owl"}


@pytest.mark.slow
def test_the_command_takes_thresholds_and_warns_of_raw_scores(scores: Path, tmp_path: Path) -> None:
    table = Scores.read(scores)
    lines = [f"{name},{value},0.99" for name, value in zip(table.species, ("0.8", ""), strict=True)]
    (tmp_path / "thresholds.csv").write_text("\n".join(["species,threshold,calibrated", *lines]))
    done = run(tmp_path, f"scores={scores}")
    assert done.returncode == 0, done.stderr
    assert "the scores are not calibrated, so high=0.5 is no probability" in done.stdout
    assert "2 events of 2 species" in done.stdout
    done = run(tmp_path, f"scores={scores}", f"thresholds={tmp_path}/thresholds.csv")
    assert done.returncode == 0, done.stderr
    assert "not calibrated" not in done.stdout
    assert "1 species have no threshold" in done.stdout
    assert "so that none of them is detected: s1" in done.stdout
    assert "1 events of 1 species" in done.stdout
    (tmp_path / "none.csv").write_text("species,threshold,calibrated\ns0,,\ns1,,\n")
    done = run(tmp_path, f"scores={scores}", f"thresholds={tmp_path}/none.csv")
    assert done.returncode == 1
    assert "none of the species has a threshold in" in done.stderr


def test_scores_of_nothing_are_refused() -> None:
    nothing = Scores.of_windows("", [], 1.0, np.empty((0, 2)), {"failures": {"dawn": "torn"}})
    with pytest.raises(ValueError, match="no recording has scores; the first, dawn: torn"):
        limits_of(load_config("detect", ["scores=a"]), nothing)


def test_tables_of_birdnet_have_the_other_names_that_the_scores_know(
    scores: Path, tmp_path: Path
) -> None:
    known = Scores.read(scores)
    about = {"Moor frog": {"scientific_name": "Rana arvalis", "common_name": "Moorfrosch"}}
    named = Scores(known.keys, known.values, ("Moor frog", "Owl"), {"about": about})
    named.write(scores)
    words = [f"scores={scores}", f"recordings={tmp_path}/audio", f"out={tmp_path}/out"]
    detect.run(load_config("detect", words))
    table = pd.read_csv(tmp_path / "out" / "birdnet" / "BirdNET_CombinedTable.csv")
    assert table[["Scientific name", "Common name"]].to_numpy().tolist() == [
        ["Rana arvalis", "Moorfrosch"],
        ["Owl", "Owl"],
    ]
    raven = pd.read_csv(tmp_path / "out" / "raven.selections.txt", sep="\t")
    assert raven["Species"].to_list() == ["Moor frog", "Owl"]


def test_a_call_from_python_returns_the_table_that_the_command_writes(
    scores: Path, tmp_path: Path
) -> None:
    found = rfcx_audio.detect(
        scores, "high=0.7", "low=0.3", recordings=tmp_path / "audio", out=tmp_path / "called"
    )
    done = run(tmp_path, f"scores={scores}", "recordings=audio", "out=typed", "high=0.7")
    assert done.returncode == 0, done.stderr
    written = (tmp_path / "typed" / "events.csv").read_text()
    assert (tmp_path / "called" / "events.csv").read_text() == written
    assert found["recording_id"].to_list() == ["a", "b"]
    assert found["species"].to_list() == ["s0", "s1"]
