from __future__ import annotations

from pathlib import Path

import pytest
import torch

from rfcx_audio.encoders import EncoderFileError, OnnxEncoder, TorchEncoder
from rfcx_audio.encoders.loaded import absolute
from rfcx_audio.scoring import CheckpointEncoder
from tiny_encoders import RATE, SAMPLES, WIDTH, sound, tiny

TINY = "tiny_encoders.Tiny", RATE, SAMPLES / RATE


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.pt"
    torch.save(tiny().state_dict(), path)
    return path


def test_what_the_settings_state_needs_no_weights(file: Path) -> None:
    described = TorchEncoder(*TINY, file=str(file)).described()
    assert described.pop("_target_") == "rfcx_audio.encoders.TorchEncoder"
    assert described["num_features"] == WIDTH
    file.unlink()
    without = TorchEncoder(**described)
    assert (without.num_features, without.sha256) == (WIDTH, described["sha256"])
    assert (without.sample_rate, without.window_samples) == (RATE, SAMPLES)
    with pytest.raises(EncoderFileError, match=r"tiny\.pt cannot be read"):
        without(sound(1))


def test_a_width_that_is_not_that_of_the_weights_is_refused(file: Path) -> None:
    encoder = TorchEncoder(*TINY, file=str(file), num_features=WIDTH + 1)
    with pytest.raises(EncoderFileError, match=r"TorchEncoder gives 6 features .*num_features = 7"):
        encoder(sound(1))


def test_a_description_holds_in_every_folder(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(file.parent)
    assert TorchEncoder(*TINY, file="tiny.pt").described()["file"] == str(file)
    assert absolute("package:birds/a.onnx") == "package:birds/a.onnx"
    assert absolute(None) is None


@pytest.mark.parametrize(
    ("encoder", "key"),
    [
        (TorchEncoder(*TINY, file="gone.pt"), "file"),
        (OnnxEncoder("gone.onnx", RATE, 0.25), "file"),
        (CheckpointEncoder("gone.ckpt", sample_rate=RATE, window_s=0.25), "checkpoint"),
    ],
)
def test_a_missing_file_is_asked_for_by_the_keys_of_every_command(
    encoder: TorchEncoder | OnnxEncoder | CheckpointEncoder, key: str
) -> None:
    message = rf"gone\..* give the file by model\.encoder\.{key}=… \(encoder_file=… if"
    with pytest.raises(EncoderFileError, match=message):
        _ = encoder.sha256
