from __future__ import annotations

import copy
import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from rfcx_audio.encoders import EncoderFileError, TFLiteEncoder

pytest.importorskip("ai_edge_litert", reason='needs pip install "rfcx-audio[birdnet]"')
from ai_edge_litert import schema_py_generated as schema

from tflite_files import write_tflite
from tiny_encoders import RATE, SAMPLES, sound

WINDOW_S = SAMPLES / RATE
WEIGHTS = np.random.default_rng(0).normal(0, 0.2, (5, SAMPLES)).astype(np.float32)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tflite(tmp_path_factory.mktemp("tflite") / "tiny.tflite", WEIGHTS)


def block(windows: Tensor) -> Tensor:
    return (windows @ torch.from_numpy(WEIGHTS).T).relu()


def test_the_features_are_the_graphs_own_output(file: Path) -> None:
    encoder = TFLiteEncoder(str(file), RATE, WINDOW_S)
    assert encoder.num_features == 5
    windows = sound(4)
    torch.testing.assert_close(encoder(windows), block(windows).tanh(), atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", ["block/relu", "relu"])
def test_an_inner_tensor_is_found_by_its_name_or_the_end_of_it(file: Path, name: str) -> None:
    windows = sound(3)
    found = TFLiteEncoder(str(file), RATE, WINDOW_S, output=name)(windows)
    torch.testing.assert_close(found, block(windows), atol=1e-5, rtol=0)


def test_several_layers_are_joined_in_the_order_in_which_they_are_named(file: Path) -> None:
    windows = sound(3)
    found = TFLiteEncoder(str(file), RATE, WINDOW_S, output=["tanh", "relu"])(windows)
    expected = torch.cat([block(windows).tanh(), block(windows)], 1)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("wanted", ["nowhere", "weights", "sound"])
def test_a_tensor_that_has_no_features_is_refused_with_those_that_have(
    file: Path, wanted: str
) -> None:
    with pytest.raises(EncoderFileError, match=rf"ends with '{wanted}'.*: block/relu, head/tanh$"):
        TFLiteEncoder(str(file), RATE, WINDOW_S, output=wanted)(sound(1))


def test_an_ambiguous_name_is_refused_with_all_that_it_may_mean(file: Path) -> None:
    with pytest.raises(EncoderFileError, match=r"2 tensors .* with ''; .*: block/relu, head/tanh"):
        TFLiteEncoder(str(file), RATE, WINDOW_S, output="")(sound(1))


def test_a_batch_is_a_loop_to_the_last_bit_also_in_threads(file: Path) -> None:
    encoder = TFLiteEncoder(str(file), RATE, WINDOW_S)
    windows = sound(40)
    together = encoder(windows)
    assert torch.equal(together, torch.cat([encoder(window[None]) for window in windows]))
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(encoder, windows.split(1)))
    assert torch.equal(together, torch.cat(found))


def test_copies_are_made_from_the_settings_without_the_interpreters(file: Path) -> None:
    encoder = TFLiteEncoder(str(file), RATE, WINDOW_S, output="relu")
    windows = sound(2)
    expected = encoder(windows)
    for made in (copy.deepcopy(encoder), pickle.loads(pickle.dumps(encoder))):  # noqa: S301
        assert torch.equal(made(windows), expected)


def test_no_line_of_the_interpreter_reaches_the_user_and_no_other_is_lost(
    file: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = TFLiteEncoder(str(file), RATE, WINDOW_S)

    def announced(*_: object) -> tuple[int, ...]:
        os.write(2, b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n")
        os.write(2, b"INFO: of another thread\nanother line\n")
        return (1, SAMPLES)

    monkeypatch.setattr("rfcx_audio.encoders.tflite.input_shape", announced)
    encoder(sound(1))
    assert set(capfd.readouterr().err.splitlines()) == {"INFO: of another thread", "another line"}


def test_windows_of_another_length_than_the_files_are_refused(file: Path) -> None:
    with pytest.raises(EncoderFileError, match=r"shape \(-1, 250\); expected \(batch, 300\)"):
        TFLiteEncoder(str(file), RATE, 0.3)(torch.zeros(1, 300))


def test_an_input_that_is_no_float32_is_refused(tmp_path: Path) -> None:
    file = write_tflite(tmp_path / "whole.tflite", WEIGHTS, dtype=schema.TensorType.INT32)
    with pytest.raises(EncoderFileError, match=r"takes sound \(int32\); expected one input"):
        TFLiteEncoder(str(file), RATE, WINDOW_S)(sound(1))


@pytest.mark.parametrize("content", [b"no graph", b"\x1c\0\0\0TFL3" + bytes(64)])
def test_what_is_no_tflite_file_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "words.tflite"
    path.write_bytes(content)
    with pytest.raises(EncoderFileError, match=r"words\.tflite is no TFLite file"):
        TFLiteEncoder(str(path), RATE, WINDOW_S)(sound(1))


def test_a_missing_package_is_named_with_the_extra_that_brings_it(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rfcx_audio.encoders.tflite.find_spec", lambda _: None)
    with pytest.raises(EncoderFileError, match=r'ai-edge-litert: pip install "rfcx-audio\[bird'):
        TFLiteEncoder(str(file), RATE, WINDOW_S)(sound(1))
