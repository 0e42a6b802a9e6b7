from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from torch import Tensor

from graphs import RATE, recogniser
from rfcx_audio.graph.parity import parity, read_windows
from rfcx_audio.graph.trace import ExportError


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
