from __future__ import annotations

import json
from pathlib import Path

import onnxruntime
import pytest
import torch

from graphs import AUDIO, RATE, recogniser, recordings
from rfcx_audio.graph import export
from rfcx_audio.graph.export import METADATA_FILE, check_packages, export_graph, open_graph
from rfcx_audio.graph.trace import ExportError


@pytest.mark.parametrize("name", [pytest.param("model.onnx", marks=pytest.mark.slow), "model.pt2"])
def test_a_graph_gives_the_probabilities_that_the_library_gives_windows(
    name: str, tmp_path: Path
) -> None:
    library, metadata = recogniser(), {"species": ["Häher", "s1", "s2"], "tta": 1}
    table = export_graph(library, tmp_path / name, metadata, AUDIO)
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
        assert {key: json.loads(kept[key]) for key in metadata} == metadata
    else:
        kept = {METADATA_FILE: ""}
        torch.export.load(tmp_path / name, extra_files=kept)
        assert json.loads(kept[METADATA_FILE]) == metadata


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


def test_missing_packages_are_named_with_their_extra(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    check_packages()
    monkeypatch.setattr(export, "find_spec", lambda name: None if "script" in name else name)
    with pytest.raises(ExportError, match=r'onnxscript: pip install "rfcx-audio\[export\]"'):
        export_graph(recogniser(), tmp_path / "model.onnx", {}, AUDIO)
