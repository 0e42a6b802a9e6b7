from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from rfcx_audio.data import AudioError, AudioReader, probe
from rfcx_audio.data.unfinished_wav import opened

RATE = 16_000
SAMPLES = np.random.default_rng(0).uniform(-0.5, 0.5, (RATE, 2))


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    path = tmp_path / "night.wav"
    soundfile.write(path, SAMPLES, RATE, subtype="PCM_16")
    return path


def without_sizes(path: Path, riff: int = 0) -> None:
    content = bytearray(path.read_bytes())
    data = content.index(b"data") + 4
    content[4:8] = riff.to_bytes(4, "little")
    content[data : data + 4] = bytes(4)
    path.write_bytes(content)


@pytest.mark.parametrize("riff", [0, 36])  # 36: that of a header alone
def test_a_file_whose_sizes_were_never_written_is_read_to_its_end(wav: Path, riff: int) -> None:
    reader = AudioReader(RATE)
    whole = reader.read(wav)
    without_sizes(wav, riff)
    assert soundfile.info(wav).frames == 0  # without mending it
    assert probe(wav) == (RATE, 2, RATE)
    assert np.array_equal(reader.read(wav), whole)
    assert np.array_equal(reader.read(wav, 0.5, 0.25), whole[RATE // 2 : RATE * 3 // 4])


def test_a_whole_file_is_opened_by_its_path(wav: Path) -> None:
    with opened(wav) as file:
        assert isinstance(file, bytes)


def test_a_recording_without_samples_is_none(wav: Path) -> None:
    soundfile.write(wav, SAMPLES[:0], RATE, subtype="PCM_16")
    with pytest.raises(AudioError, match="no samples"):
        probe(wav)
    content = wav.read_bytes() + b"LIST" + (4).to_bytes(4, "little") + b"INFO"
    wav.write_bytes(content[:4] + (len(content) - 8).to_bytes(4, "little") + content[8:])
    with pytest.raises(AudioError, match="no samples"):  # what follows is no sound
        probe(wav)
