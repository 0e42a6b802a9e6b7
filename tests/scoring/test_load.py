from __future__ import annotations

import hashlib
import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from earlier import earlier_checkpoint
from rfcx_audio.batch import Labels
from rfcx_audio.config import build, config_text, load_config
from rfcx_audio.scores import SEEN, fit_calibration
from rfcx_audio.scoring import (
    CONFIG_KEY,
    SEEN_KEY,
    CheckpointError,
    current_config,
    load_recogniser,
    read_checkpoint,
    read_trained,
    views,
)
from rfcx_audio.scoring.artefact import save_artefact
from rfcx_audio.scoring.parts import PartError


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """What a training run would have left."""
    config = load_config("train", [f"paths.output_dir={tmp_path}", "frontend.n_mels=64"])
    torch.manual_seed(0)
    weights = {f"model.{key}": value for key, value in build(config.model).state_dict().items()}
    path = tmp_path / "best.ckpt"
    torch.save({"state_dict": weights, CONFIG_KEY: config_text(config)}, path)
    return path


def test_the_front_end_comes_with_the_checkpoint(checkpoint: Path) -> None:
    recogniser = load_recogniser(checkpoint, overlap=0.0)
    assert recogniser.frontend.n_mels == 64
    assert recogniser.windows.overlap == 0.0
    assert recogniser.windows.pool == "max"
    assert not recogniser.training
    scores, starts_s = recogniser(torch.randn(14 * 48_000))
    assert scores.shape == (3, 24)
    assert ((scores >= 0) & (scores <= 1)).all()
    assert starts_s[0] == 0


def test_a_checkpoint_of_an_earlier_version_predicts_as_one_of_today(
    checkpoint: Path, tmp_path: Path
) -> None:
    earlier, today = load_recogniser(earlier_checkpoint(tmp_path)), load_recogniser(checkpoint)
    assert (earlier.reader.sample_rate, earlier.reader.channel) == (48_000, "mean")
    waveform = torch.randn(14 * 48_000)
    for found, expected in zip(earlier(waveform), today(waveform), strict=True):
        assert torch.equal(found, expected)


def test_the_weights_are_those_of_the_checkpoint(checkpoint: Path) -> None:
    saved = torch.load(checkpoint, weights_only=True)["state_dict"]
    for name, value in load_recogniser(checkpoint).detector.state_dict().items():
        assert torch.equal(value, saved[f"model.{name}"])


def test_files_that_are_no_checkpoints_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="does not exist"):
        read_checkpoint(tmp_path / "gone.ckpt")
    (tmp_path / "text.ckpt").write_text("nonsense")
    with pytest.raises(CheckpointError, match="no readable checkpoint"):
        read_checkpoint(tmp_path / "text.ckpt")
    torch.save({"state_dict": {}}, tmp_path / "foreign.ckpt")
    with pytest.raises(CheckpointError, match="no configuration of rfcx_audio"):
        read_checkpoint(tmp_path / "foreign.ckpt")


def test_half_a_checkpoint_is_refused(checkpoint: Path) -> None:
    content = checkpoint.read_bytes()
    checkpoint.write_bytes(content[: len(content) // 2])
    with pytest.raises(CheckpointError, match="no readable checkpoint"):
        read_checkpoint(checkpoint)


@pytest.mark.parametrize("content", [b"\x80\x020.", b"\x80\x02h\x00.", b"\x80\x02Nb.", b""])
def test_pickles_that_make_no_sense_are_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "broken.ckpt").write_bytes(content)
    with pytest.raises(CheckpointError, match="no readable checkpoint"):
        read_checkpoint(tmp_path / "broken.ckpt")


class Payload:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (Path.touch, (Path("payload-ran"),))  # type: ignore[return-value]


def test_a_pickle_payload_is_not_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": {}, "x": Payload()}, "evil.ckpt")
    Path("raw.ckpt").write_bytes(pickle.dumps(Payload(), protocol=2))
    for name in ("evil.ckpt", "raw.ckpt"):
        with pytest.raises(CheckpointError):
            read_checkpoint(name)
    assert not Path("payload-ran").exists()


def test_a_configuration_runs_nothing_either(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(checkpoint.parent)
    content = torch.load(checkpoint, weights_only=True)
    text = content[CONFIG_KEY]
    for part, path in (("rfcx_audio.frontend.LogMel", "os.mkdir"), ("eps:", "x: !!python/name:os")):
        assert part in text
        torch.save({**content, CONFIG_KEY: text.replace(part, path)}, checkpoint)
        with pytest.raises((PartError, CheckpointError)):
            load_recogniser(checkpoint)
    torch.save({**content, CONFIG_KEY: "!!python/object/apply:os.mkdir [ran]"}, checkpoint)
    with pytest.raises(CheckpointError, match="unreadable configuration"):
        load_recogniser(checkpoint)
    assert not Path("ran").exists()


def test_an_artefact_gives_the_same_scores_bit_for_bit(checkpoint: Path, tmp_path: Path) -> None:
    save_artefact(read_trained(checkpoint), tmp_path / "model")
    save_artefact(read_trained(tmp_path / "model"), tmp_path / "copy")
    waveform = torch.randn(14 * 48_000)
    changes = {"overlap": 0.25, "pool": "mean", "smooth": 3, "tta": 2}
    expected = load_recogniser(checkpoint, **changes)  # type: ignore[arg-type]
    for folder in ("model", "copy"):
        shared = load_recogniser(tmp_path / folder, **changes)  # type: ignore[arg-type]
        assert shared.settings() == expected.settings()
        for ours, theirs in zip(shared(waveform), expected(waveform), strict=True):
            assert torch.equal(ours, theirs)


def test_a_calibration_that_goes_along_is_applied_to_windows(
    checkpoint: Path, tmp_path: Path
) -> None:
    known = torch.rand(200, 24, generator=torch.Generator().manual_seed(0))
    calibration = fit_calibration(known, Labels((known > 0.8).float(), torch.ones_like(known)))
    trained = read_trained(checkpoint)._replace(calibration=calibration.to_dict())
    save_artefact(trained, tmp_path / "model")
    plain, shared = load_recogniser(checkpoint), load_recogniser(tmp_path / "model")
    waveform = torch.randn(14 * 48_000)
    expected = calibration(plain(waveform)[0])
    torch.testing.assert_close(shared(waveform)[0], expected, atol=0, rtol=0)
    assert (expected - plain(waveform)[0]).abs().max() > 0.01
    ours, theirs = (one.frames(waveform)[1]["waveform"].scores for one in (shared, plain))
    np.testing.assert_array_equal(ours, theirs)
    settings = shared.settings()
    assert settings.pop("calibration") == calibration.to_dict()
    assert settings == plain.settings()


WITHOUT = """
import pickle, sys
for name in ("hydra", "omegaconf"):
    sys.modules[name] = None
import torch
from rfcx_audio.scoring.load import load_recogniser
import rfcx_audio.model
def refuse(*arguments, **settings):
    raise AssertionError("a pickle was read")
for name in ("load", "loads", "Unpickler"):
    setattr(pickle, name, refuse)
torch.load = refuse
print(load_recogniser(sys.argv[1])(torch.zeros(300_000))[0].shape)
"""


def test_an_artefact_loads_without_hydra_and_without_a_pickle(
    checkpoint: Path, tmp_path: Path
) -> None:
    save_artefact(read_trained(checkpoint), tmp_path / "model")
    done = [
        subprocess.run(
            [sys.executable, "-c", WITHOUT, place], capture_output=True, text=True, check=False
        )
        for place in (tmp_path / "model", checkpoint)
    ]
    assert "torch.Size([2, 24])" in done[0].stdout, done[0].stderr
    assert "a pickle was read" in done[1].stderr  # a checkpoint is one


def test_weights_of_another_model_are_refused(checkpoint: Path) -> None:
    content = torch.load(checkpoint, weights_only=True)
    content["state_dict"].popitem()
    torch.save(content, checkpoint)
    with pytest.raises(CheckpointError, match="does not fit its own configuration"):
        load_recogniser(checkpoint)


@pytest.mark.parametrize("more", [True, False])
def test_an_artefact_has_the_weights_of_its_model_and_no_others(
    checkpoint: Path, tmp_path: Path, more: bool
) -> None:
    trained = read_trained(checkpoint)
    weights = {**trained.weights, "another": torch.ones(1)}
    if not more:
        weights = dict(list(trained.weights.items())[1:])
    save_artefact(trained._replace(weights=weights), tmp_path / "model")
    with pytest.raises(CheckpointError, match="another" if more else next(iter(trained.weights))):
        load_recogniser(tmp_path / "model")


def test_settings_hold_all_that_scores_depend_on(checkpoint: Path) -> None:
    settings = load_recogniser(checkpoint, smooth=3, pool="top5", tta=4).settings()
    assert json.loads(json.dumps(settings)) == settings
    expected = {"duration_s": 6.0, "overlap": 0.5, "pool": "top5", "smooth": 3, "tta": 4}
    assert expected.items() <= settings.items()
    assert settings["checkpoint_sha256"] == hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    assert "n_mels=64" in settings["frontend"]
    assert settings["views"] == [view._asdict() for view in views(4)]
    assert load_recogniser(checkpoint, tta=4, flip=True).settings()["views"][1]["flip"]


def test_checkpoints_and_artefacts_that_name_parts_by_older_paths_are_read(
    checkpoint: Path, tmp_path: Path
) -> None:
    waveform = torch.randn(14 * 48_000)
    expected = load_recogniser(checkpoint)
    content = torch.load(checkpoint, weights_only=True)
    older = content[CONFIG_KEY].replace(
        "rfcx_audio.scoring.Sliding", "rfcx_audio.inference.Sliding"
    )
    assert older != content[CONFIG_KEY]
    assert current_config(older) == content[CONFIG_KEY]
    torch.save({**content, CONFIG_KEY: older}, tmp_path / "older.ckpt")
    trained = read_trained(tmp_path / "older.ckpt")
    assert trained.windows["_target_"] == "rfcx_audio.inference.SlidingWindows"
    save_artefact(trained, tmp_path / "older")
    for place in (tmp_path / "older.ckpt", tmp_path / "older"):
        found = load_recogniser(place)
        assert vars(found.windows) == vars(expected.windows)
        assert torch.equal(found(waveform)[0], expected(waveform)[0])


def test_only_whole_paths_of_parts_are_brought_up_to_date() -> None:
    text = (
        "a: rfcx_audio.inference.SlidingWindows\n_target_: rfcx_audio.inference.SlidingWindowsX\n"
    )
    assert current_config(text) == text


def test_scores_state_whose_labels_reached_the_model_by_pseudo_labels(checkpoint: Path) -> None:
    assert SEEN not in load_recogniser(checkpoint).settings()
    content = torch.load(checkpoint, weights_only=True)
    torch.save({**content, SEEN_KEY: ["a", "b"]}, checkpoint)
    assert load_recogniser(checkpoint).settings()[SEEN] == ["a", "b"]
    save_artefact(read_trained(checkpoint), checkpoint.parent / "shared")
    assert load_recogniser(checkpoint.parent / "shared").settings()[SEEN] == ["a", "b"]
