from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from rfcx_audio.encoders import EncoderFileError, TorchEncoder, file_sha256
from tiny_encoders import RATE, SAMPLES, WIDTH, sound, tiny

WINDOW_S = SAMPLES / RATE
TINY = "tiny_encoders.Tiny"


HALVES = "tiny_encoders.Halves"


@pytest.mark.parametrize("ending", ["safetensors", "pt"])
def test_the_features_are_those_of_the_module_with_the_weights_of_the_file(
    tmp_path: Path, ending: str
) -> None:
    file = tmp_path / f"tiny.{ending}"
    (save_file if ending == "safetensors" else torch.save)(tiny().state_dict(), file)
    encoder = TorchEncoder(TINY, RATE, WINDOW_S, file=str(file))
    windows = sound(4)
    assert torch.equal(encoder(windows), tiny()(windows).detach())
    assert encoder.num_features == WIDTH
    assert encoder.sha256 == file_sha256(file)


def test_arguments_make_the_module_which_is_in_evaluation_mode() -> None:
    encoder = TorchEncoder(HALVES, RATE, WINDOW_S, {"factor": 3.0})
    windows = sound(2)
    expected = 3 * windows.unflatten(1, (2, -1)).mean(2)
    torch.testing.assert_close(encoder.train()(windows), expected)
    assert not list(encoder.parameters())


def test_without_a_file_the_hash_is_of_path_and_arguments() -> None:
    three, four = (TorchEncoder(HALVES, RATE, WINDOW_S, {"factor": factor}) for factor in (3, 4))
    assert three.sha256 != four.sha256
    assert three.sha256 == pickle.loads(pickle.dumps(three)).sha256  # noqa: S301
    described = three.described()
    assert described.pop("_target_") == "rfcx_audio.encoders.TorchEncoder"
    described["arguments"] = {"factor": 4}
    with pytest.raises(EncoderFileError, match=rf"SHA-256 {three.sha256}; .* has {four.sha256}"):
        TorchEncoder(**described)(sound(1))


@pytest.mark.parametrize(
    ("module", "message"),
    [
        ("nowhere_at_all.Network", r"'nowhere_at_all\.Network' cannot be imported"),
        ("tiny_encoders.Nothing", r"cannot be imported .*Nothing"),
        ("Network", r"expected the path of a class or function"),
        ("tiny_encoders.sound_rate", r"makes a int, expected a torch\.nn\.Module"),
    ],
)
def test_what_is_no_module_is_refused(module: str, message: str) -> None:
    with pytest.raises(EncoderFileError, match=message):
        TorchEncoder(module, RATE, WINDOW_S)(sound(1))


def test_a_module_that_gives_no_vector_a_window_is_refused() -> None:
    encoder = TorchEncoder(HALVES, RATE, WINDOW_S, {"factor": 1.0, "by_half": True})
    with pytest.raises(EncoderFileError, match=r"\(1, 250\) into torch\.Size\(\[1, 2, 125\]\)"):
        encoder(sound(1))


def test_files_that_are_no_state_dict_of_the_module_are_refused(tmp_path: Path) -> None:
    other, code, words = (tmp_path / name for name in ("other.pt", "code.pt", "words.safetensors"))
    torch.save(nn.Linear(2, 2).state_dict(), other)
    torch.save(tiny(), code)
    words.write_text("no weights")
    for file in (other, code, words):
        with pytest.raises(EncoderFileError, match=rf"{file.name} is no state dict of Tiny"):
            TorchEncoder(TINY, RATE, WINDOW_S, file=str(file))(sound(1))
    with pytest.raises(EncoderFileError, match=r"missing\.pt cannot be read"):
        _ = TorchEncoder(TINY, RATE, WINDOW_S, file=str(tmp_path / "missing.pt")).sha256
