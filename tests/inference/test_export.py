from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import soundfile
import torch
from torch import Tensor, nn

from rfcx_audio.data import AudioReader
from rfcx_audio.frontend import LogMel
from rfcx_audio.inference import Recogniser, SlidingWindows, export
from rfcx_audio.inference.export import (
    METADATA_FILE,
    ExportError,
    check_packages,
    export_graph,
    open_graph,
    parity,
    read_windows,
    trace,
)
from rfcx_audio.model import (
    BandedHead,
    ClassBandDetector,
    ConvAttention,
    Detector,
    Encoder,
    LinearHead,
    SEDHead,
    SkipAttention,
)

RATE = 16_000
OPTIONS = {"channels": [8, 8, 16, 16], "stem_width": 8}


def recogniser(
    head: Callable[..., nn.Module] = LinearHead,
    duration_s: float = 1.0,
    center: bool = True,
    n_mels: int = 32,
) -> Recogniser:
    """A tiny network whose answers differ widely."""
    torch.manual_seed(0)
    n_fft = 16 * n_mels
    frontend = LogMel(RATE, n_fft, 160, n_mels, f_max=7000.0, center=center)
    encoder = Encoder("resnet10t", pretrained=False, options=OPTIONS)
    detector = Detector(encoder, partial(head, num_species=3), nn.BatchNorm2d(1))
    detector.train()
    detector(frontend(recordings(8, RATE * 3)))  # so that its normalisation is not the identity
    for linear in (part for part in detector.head.modules() if isinstance(part, nn.Linear)):
        linear.weight.data *= 8
    windows = SlidingWindows(duration_s)
    return Recogniser(AudioReader(RATE), frontend, detector, windows, num_species=3).eval()


def recordings(number: int, samples: int) -> Tensor:
    """Noise of different colour and loudness."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(number, samples, generator=generator)
    tilt = torch.linspace(0, 0.95, number)[:, None]
    noise[:, 1:] -= tilt * noise[:, :-1]
    return noise * torch.logspace(-3, -1, number)[:, None]


AUDIO = recordings(10, RATE).flatten().numpy()


@pytest.mark.parametrize("name", [pytest.param("model.onnx", marks=pytest.mark.slow), "model.pt2"])
def test_a_graph_gives_the_probabilities_that_the_library_gives_windows(
    name: str, tmp_path: Path
) -> None:
    library, told = recogniser(), {"species": ["Häher", "s1", "s2"], "tta": 1}
    table = export_graph(library, tmp_path / name, told, AUDIO)
    assert len(table) == 9
    assert table["difference"].max() < 1e-4
    assert [path.name for path in tmp_path.iterdir()] == [name]
    graph = open_graph(tmp_path / name)
    windows = recordings(6, RATE)
    expected = torch.cat([library(window)[0] for window in windows])
    assert (expected.amax(0) - expected.amin(0)).min() > 0.05
    torch.testing.assert_close(graph(windows), expected, atol=1e-4, rtol=0)
    longer = recordings(3, 27_001)
    with torch.no_grad():
        expected = library.detector(library.frontend(longer)).clip.sigmoid()
    torch.testing.assert_close(graph(longer), expected, atol=1e-4, rtol=0)
    if name == "model.onnx":
        session = onnxruntime.InferenceSession(tmp_path / name)
        kept = session.get_modelmeta().custom_metadata_map
        assert {key: json.loads(kept[key]) for key in told} == told
    else:
        kept = {METADATA_FILE: ""}
        torch.export.load(tmp_path / name, extra_files=kept)
        assert json.loads(kept[METADATA_FILE]) == told


@pytest.mark.parametrize(
    ("head", "settings"),
    [
        (BandedHead, (1.0, False)),
        (SEDHead, ()),
        (partial(SEDHead, pooling="logit"), ()),
        (partial(ConvAttention, conv_channels=(16,)), (2.0, True, 64)),
        (partial(SkipAttention, conv_channels=(16, 16)), (3.0, True, 128)),
    ],
)
def test_every_head_makes_one_graph_for_all_lengths(
    head: Callable[..., nn.Module], settings: tuple[float, bool, int]
) -> None:
    library = recogniser(head, *settings)
    graph = trace(library).module()
    window = round(library.windows.duration_s * RATE)
    scorer = export.WaveformScorer(library.frontend, library.detector)
    lengths = (export.shortest_waveform(library), window, 2 * window + 977)
    assert parity(scorer, graph, AUDIO, lengths, batches=(1, 3))["difference"].max() < 1e-4


def test_a_graph_that_differs_is_not_left(tmp_path: Path) -> None:
    path = tmp_path / "model.pt2"
    path.write_text("of another time")
    with pytest.raises(ExportError, match=r"model\.pt2 differs from the library by .* is not kept"):
        export_graph(recogniser(), path, {}, AUDIO, tolerance=-1.0)
    assert not list(tmp_path.iterdir())
    broken = recogniser()
    broken.detector.head.get_parameter("linear.bias").data[0] = torch.nan
    with pytest.raises(ExportError, match="differs from the library by nan"):
        export_graph(broken, path, {}, AUDIO)
    assert not list(tmp_path.iterdir())


def test_parity_finds_the_one_waveform_that_differs() -> None:
    audio = np.arange(12, dtype=np.float32)

    def library(waveform: Tensor) -> Tensor:
        return waveform.sum(1, keepdim=True).repeat(1, 2)

    def exported(waveform: Tensor) -> Tensor:
        wrong = library(waveform)
        wrong[:, 1] += 0.25 * (waveform == 7).any(1)
        return wrong

    table = parity(library, exported, audio, lengths=[4, 5], batches=[1, 2])
    assert table.to_numpy().tolist() == [[1, 4, 0], [2, 4, 0.25], [1, 5, 0], [2, 5, 0.25]]
    with pytest.raises(ExportError, match=r"turns waveforms \(1, 4\) into \(1, 1\), expected"):
        parity(library, lambda waveform: library(waveform)[:, :1], audio, [4], [1])

    def fails(waveform: Tensor) -> Tensor:
        raise RuntimeError("I am full")

    with pytest.raises(ExportError, match=r"fails on waveforms \(1, 4\): I am full"):
        parity(library, fails, audio, [4], [1])


def test_windows_to_compare_on_are_of_recordings_that_can_be_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    paths = [tmp_path / f"{number}.wav" for number in range(4)]
    for number, path in enumerate(paths[:3]):
        soundfile.write(path, np.full(20 * RATE, 0.1 * (number + 1)), RATE, subtype="FLOAT")
    soundfile.write(paths[3], np.full(RATE // 2, 0.4), RATE, subtype="FLOAT")
    paths[1].write_bytes(b"nonsense")
    audio = read_windows(recogniser(), paths)
    expected = np.repeat([0.1, 0.3, 0.4], [3 * RATE, 3 * RATE, RATE // 2])
    np.testing.assert_allclose(audio, expected, rtol=1e-6)
    assert "1.wav" in caplog.text
    with pytest.raises(ExportError, match=r"no recording can be read to compare on; .*1\.wav"):
        read_windows(recogniser(), paths[1:2])


def test_what_no_graph_can_hold_is_refused() -> None:
    with pytest.raises(ExportError, match=r"windows of 0\.5 s are too short .* needs 0\.63 s"):
        trace(recogniser(duration_s=0.5))
    banded = recogniser()
    banded.detector = nn.Sequential(object.__new__(ClassBandDetector))
    with pytest.raises(ExportError, match="choose format=artefact, or export another model"):
        trace(banded)


def test_missing_packages_are_named_with_their_extra(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    check_packages()
    monkeypatch.setattr(export, "find_spec", lambda name: None if "script" in name else name)
    with pytest.raises(ExportError, match=r'onnxscript: pip install "rfcx-audio\[export\]"'):
        export_graph(recogniser(), tmp_path / "model.onnx", {}, AUDIO)
