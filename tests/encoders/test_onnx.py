from __future__ import annotations

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import onnx
import pytest
import torch
from torch import Tensor, nn

from rfcx_audio.encoders import EncoderFileError, OnnxEncoder, file_sha256
from tiny_encoders import RATE, SAMPLES, WIDTH, sound, tiny, write_onnx

WINDOW_S = SAMPLES / RATE


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_onnx(tmp_path_factory.mktemp("onnx") / "tiny.onnx", tiny())


class Several(nn.Module):
    """Two outputs of one vector a window, and one of several."""

    def __init__(self) -> None:
        super().__init__()
        self.network = tiny()

    def forward(self, waveform: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self.network(waveform), self.network.inner(waveform), waveform.view(-1, 50, 5)


def test_the_features_are_those_of_the_network(file: Path) -> None:
    encoder = OnnxEncoder(str(file), RATE, WINDOW_S)
    windows = sound(5)
    assert encoder.num_features == WIDTH
    assert encoder.window_samples == SAMPLES
    torch.testing.assert_close(encoder(windows), tiny()(windows).detach(), atol=1e-5, rtol=0)


def test_a_batch_is_a_loop_to_the_last_bit_also_in_threads(file: Path) -> None:
    encoder = OnnxEncoder(str(file), RATE, WINDOW_S)
    windows = sound(9)
    together = encoder(windows)
    assert torch.equal(together, torch.cat([encoder(window[None]) for window in windows]))
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(encoder, windows.split(1)))
    assert torch.equal(together, torch.cat(found))


def test_a_file_of_a_fixed_batch_takes_any_number_of_windows(tmp_path: Path) -> None:
    file = write_onnx(tmp_path / "fixed.onnx", tiny(), batch=3)
    windows = sound(7)
    found = OnnxEncoder(str(file), RATE, WINDOW_S)(windows)
    torch.testing.assert_close(found, tiny()(windows).detach(), atol=1e-5, rtol=0)


def test_outputs_are_found_by_name_and_joined(tmp_path: Path) -> None:
    file = write_onnx(tmp_path / "a.onnx", Several(), outputs=("clip", "layer/inner", "map"))
    windows = sound(2)
    encoder = OnnxEncoder(str(file), RATE, WINDOW_S, output=["inner", "clip"])
    expected = torch.cat([tiny().inner(windows), tiny()(windows)], 1).detach()
    torch.testing.assert_close(encoder(windows), expected, atol=1e-5, rtol=0)
    with pytest.raises(EncoderFileError, match=r"outputs clip, layer/inner, map; name that of"):
        OnnxEncoder(str(file), RATE, WINDOW_S)(windows)
    with pytest.raises(EncoderFileError, match=r"tensor map .* shape \(1, 50, 5\)"):
        OnnxEncoder(str(file), RATE, WINDOW_S, output="map")(windows)


def test_an_inner_layer_is_found_by_its_name(file: Path) -> None:
    nodes = onnx.load(file).graph.node
    (linear,) = [node for node in nodes if node.op_type == "Gemm"]
    inner = linear.input[0]
    windows = sound(3)
    encoder = OnnxEncoder(str(file), RATE, WINDOW_S, output=inner)
    torch.testing.assert_close(encoder(windows), tiny().inner(windows).detach(), atol=1e-5, rtol=0)
    with pytest.raises(EncoderFileError, match=rf"no tensor whose name ends with 'x'.*{inner}"):
        OnnxEncoder(str(file), RATE, WINDOW_S, output="x")(windows)


def test_windows_of_another_length_than_the_files_are_refused(file: Path) -> None:
    encoder = OnnxEncoder(str(file), RATE, 0.3)
    with pytest.raises(EncoderFileError, match=r"\('batch', 250\); expected \(batch, 300\)"):
        encoder(torch.zeros(1, 300))


def test_what_is_no_onnx_file_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "words.onnx"
    path.write_text("no graph")
    with pytest.raises(EncoderFileError, match=r"words\.onnx is no ONNX file"):
        OnnxEncoder(str(path), RATE, WINDOW_S)(sound(1))


def test_a_missing_package_is_named_with_the_extra_that_brings_it(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rfcx_audio.encoders.onnx.find_spec", lambda _: None)
    with pytest.raises(EncoderFileError, match=r'onnxruntime: pip install "rfcx-audio\[export\]"'):
        OnnxEncoder(str(file), RATE, WINDOW_S)(sound(1))


def test_copies_are_made_from_the_settings(file: Path) -> None:
    encoder = OnnxEncoder(str(file), RATE, WINDOW_S)
    windows = sound(2)
    expected = encoder(windows)
    for made in (copy.deepcopy(encoder), pickle.loads(pickle.dumps(encoder))):  # noqa: S301
        assert made.settings == encoder.settings
        assert torch.equal(made(windows), expected)
    described = encoder.described()
    assert described["_target_"] == "rfcx_audio.encoders.OnnxEncoder"
    assert described["sha256"] == file_sha256(file)
    assert described["num_features"] == WIDTH
