from __future__ import annotations

import importlib.util
import json
import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch

import rfcx_audio
from embedded import (
    WINDOW_S,
    embed,
    embed_with_ctrl_c,
    embed_with_ray,
    encoder_words,
    write_sounds,
)
from preloaded import beside, run_module
from rfcx_audio.data.feature_store import FeatureStore
from rfcx_audio.encoders import EncoderFileError
from rfcx_audio.scoring.archive import ArchiveError
from tiny_encoders import RATE, SAMPLES, tiny

FILES = "features.npy", "windows.parquet", "failures.csv", "contents.csv", "settings.json"


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return encoder_words(tmp_path_factory.mktemp("encoder"))


def by_hand(path: Path, hop: int = SAMPLES // 2) -> np.ndarray:
    """The features of a file's windows by the network itself, one after the other."""
    samples = soundfile.read(path, dtype="float32")[0]
    rows = []
    for start in range(0, max(1, len(samples) - SAMPLES + hop), hop):
        window = np.zeros(SAMPLES, np.float32)
        part = samples[start : start + SAMPLES]
        window[: len(part)] = part
        rows.append(tiny()(torch.from_numpy(window)[None]).detach().numpy()[0])
    return np.array(rows)


def test_a_store_has_the_network_s_own_features(words: list[str], tmp_path: Path) -> None:
    paths = write_sounds(tmp_path / "audio", 3, broken=(2,))
    short = tmp_path / "audio" / "short.wav"
    soundfile.write(short, soundfile.read(paths["a/00"])[0][:77], RATE)
    store = rfcx_audio.embed(
        tmp_path / "audio", *words, "dtype=float32", "timezone=UTC", out=tmp_path / "out"
    )
    assert list(store.places) == ["a/00", "b/01", "short"]
    for name in store.places:
        path = short if name == "short" else paths[name]
        starts_s, features = store.of(name)
        np.testing.assert_allclose(features, by_hand(path), atol=1e-5)
        np.testing.assert_allclose(starts_s, np.arange(len(features)) * WINDOW_S / 2)
    failures = pd.read_csv(tmp_path / "out" / "failures.csv")
    assert failures["recording_id"].to_list() == ["a/02"]
    table = pd.read_csv(tmp_path / "out" / "recordings.csv").set_index("recording_id")
    assert {"path", "site", "start"} <= set(table)
    assert table.loc["short", "path"] == str(short)


def test_half_precision_is_the_default_and_near_enough(words: list[str], tmp_path: Path) -> None:
    paths = write_sounds(tmp_path / "audio", 2)
    store = rfcx_audio.embed(tmp_path / "audio", *words, "hop_s=0.1", out=tmp_path / "out")
    assert store.features.dtype == np.float16
    for name, path in paths.items():
        np.testing.assert_allclose(store.of(name)[1], by_hand(path, 100), rtol=1e-3, atol=1e-5)


def test_recordings_are_added_with_the_places_that_a_table_gives(
    words: list[str], tmp_path: Path
) -> None:
    paths = write_sounds(tmp_path / "audio", 2)
    for folder, site in ("a", "north"), ("b", "south"):
        listed = {
            "recording_id": [f"{folder}/x"],
            "path": [str(paths[f"{folder}/0{'ab'.index(folder)}"])],
        }
        table = pd.DataFrame(listed).assign(site=site)
        table.to_csv(tmp_path / f"{folder}.csv", index=False)
        store = rfcx_audio.embed(tmp_path / f"{folder}.csv", *words, out=tmp_path / "out")
    assert list(store.places) == ["a/x", "b/x"]
    sites = pd.read_csv(tmp_path / "out" / "recordings.csv").set_index("recording_id")["site"]
    assert sites.to_dict() == {"b/x": "south", "a/x": "north"}


def test_the_seconds_of_all_commands_are_added_up(words: list[str], tmp_path: Path) -> None:
    write_sounds(tmp_path / "audio", 2)
    rfcx_audio.embed(tmp_path / "audio" / "a", *words, out=tmp_path / "out")
    file = tmp_path / "out" / "seconds.json"
    first = json.loads(file.read_text())
    assert first["embed_s"] > 0
    assert first["embed_core_s"] > 0
    rfcx_audio.embed(tmp_path / "audio" / "b", *words, out=tmp_path / "out")
    both = json.loads(file.read_text())
    assert both["embed_s"] > first["embed_s"]
    file.unlink()  # as if the first command had been killed: what it took is not known
    rfcx_audio.embed(tmp_path / "audio" / "b", *words, out=tmp_path / "out")
    assert not file.exists()


def test_the_command_states_what_there_is_and_the_licence(words: list[str], tmp_path: Path) -> None:
    write_sounds(tmp_path / "audio", 2)
    licence = "model.encoder.about.licence='CC BY 4.0'"
    done = run_module(
        "rfcx_audio.embed", *words, licence, "recordings=audio", "out=o", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "2 recordings, 46 windows of 0.25 s, 6 features each (0.0 MB as float16)" in done.stdout
    assert "The encoder's weights are under CC BY 4.0;" in done.stdout
    assert "rfcx-audio train model=features data.store=o data.root=…" in done.stdout
    assert "rfcx-audio search store=o example=call.wav,3.2,4.7" in done.stdout


def test_another_encoder_or_hop_is_refused_by_name(words: list[str], tmp_path: Path) -> None:
    write_sounds(tmp_path / "audio", 1)
    places = {"recordings": tmp_path / "audio", "out": tmp_path / "out"}
    rfcx_audio.embed(places["recordings"], *words, out=places["out"])
    with pytest.raises(ArchiveError, match=r"hop_s was 0\.125 and is 0\.2\. Give it the same"):
        rfcx_audio.embed(places["recordings"], *words, "hop_s=0.2", out=places["out"])
    with pytest.raises(ArchiveError, match=r"encoder\.peak was None and is 0\.5"):
        rfcx_audio.embed(places["recordings"], *words, "model.encoder.peak=0.5", out=places["out"])


def test_what_cannot_be_embedded_is_refused_with_a_reason(words: list[str], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    audio = write_sounds(tmp_path / "audio", 2, broken=(0, 1))["a/00"].parents[1]
    out = tmp_path / "out"
    with pytest.raises(ValueError, match=r"there is no pretrained encoder: .* give model=birdnet"):
        rfcx_audio.embed(audio, out=out)
    with pytest.raises(ValueError, match="expected float16 or float32"):
        rfcx_audio.embed(audio, *words, "dtype=int8", out=out)
    with pytest.raises(ValueError, match=r"hop_s = 0\.3 is longer than the encoder's window"):
        rfcx_audio.embed(audio, *words, "hop_s=0.3", out=out)
    with pytest.raises(EncoderFileError, match=r"gone\.onnx does not exist; give the file by"):
        rfcx_audio.embed(audio, *words, "model.encoder.file=gone.onnx", out=out)
    with pytest.raises(ValueError, match="is no audio file, no folder with any"):
        rfcx_audio.embed(tmp_path / "empty", *words, out=out)
    assert not out.exists()
    with pytest.raises(ValueError, match="none of the 2 recordings could be read; the first, 'a/0"):
        rfcx_audio.embed(audio, *words, out=out)
    assert len(pd.read_csv(out / "failures.csv")) == 2


def test_a_place_that_cannot_be_written_is_named(words: list[str], tmp_path: Path) -> None:
    write_sounds(tmp_path / "audio", 1)
    (tmp_path / "file").touch()
    done = run_module(
        "rfcx_audio.embed", *words, "recordings=audio", "out=file/store", cwd=tmp_path
    )
    assert done.returncode == 1
    assert "file" in done.stderr
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encoder, 40 recordings, three of them broken, and their store, made in one go."""
    folder = tmp_path_factory.mktemp("archive")
    write_sounds(folder / "audio", 40, broken=(3, 12, 31))
    process = beside(embed, *archive_words(folder, folder / "whole"))
    process.join()
    assert process.exitcode == 0
    return folder


def archive_words(folder: Path, out: Path, threads: int = 2) -> list[str]:
    places = f"recordings={folder}/audio", f"paths.output_dir={out}", f"hydra.run.dir={out}/hydra"
    return [*encoder_words(folder), *places, f"engine.num_threads={threads}"]


def outcomes(out: Path) -> int:
    """Recordings that something has become of, and that are not joined yet."""
    found = [*(out / "recordings").rglob("*.npz"), *(out / "unreadable").rglob("*.txt")]
    return sum(not path.name.startswith(".") for path in found)


@pytest.mark.slow
def test_killed_at_any_time_it_gives_the_store_of_an_uninterrupted_run(archive: Path) -> None:
    out, draw = archive / "killed", np.random.default_rng(0)
    kills = 0
    for target in [1, 7, 20, 33, 40]:
        process = beside(embed, *archive_words(archive, out, int(draw.integers(1, 4))))
        while outcomes(out) < target and process.is_alive():
            time.sleep(0.002)
        time.sleep(draw.uniform(0, 0.05))
        process.kill()
        process.join()
        kills += process.exitcode == -signal.SIGKILL
    assert kills >= 1
    process = beside(embed, *archive_words(archive, out))
    process.join()
    assert process.exitcode == 0
    for name in FILES:
        assert (out / name).read_bytes() == (archive / "whole" / name).read_bytes(), name
    assert len(FeatureStore.open(out).places) == 37
    assert not list((out / "recordings").rglob("*.npz"))


@pytest.mark.slow
def test_ctrl_c_keeps_what_is_done_and_prints_how_to_go_on(archive: Path) -> None:
    for attempt in range(5):  # again, should the command have been the faster
        out = archive / f"interrupted_{attempt}"
        process = beside(embed_with_ctrl_c, *archive_words(archive, out, threads=1))
        while outcomes(out) < 5 and process.is_alive():
            time.sleep(0.002)
        assert process.pid is not None
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGINT)
        process.join()
        if process.exitcode != 0:
            break
    assert process.exitcode == 130
    assert outcomes(out) >= 5
    assert not (out / "windows.parquet").exists()
    assert f"the same command with out={out}" in (out / "hydra" / "embed.log").read_text()


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason='pip install "rfcx-audio[ray]"')
def test_ray_and_local_give_the_same_bytes(archive: Path) -> None:
    out = archive / "ray"
    words = [word for word in archive_words(archive, out) if not word.startswith("engine")]
    process = beside(embed_with_ray, *words)  # Ray leaves children behind when it is taken away
    process.join()
    assert process.exitcode == 0
    for name in FILES:
        assert (out / name).read_bytes() == (archive / "whole" / name).read_bytes(), name
