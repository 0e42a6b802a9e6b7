from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from rfcx_audio.data import AudioError, AudioReader, probe


def test_a_stretch_equals_the_same_part_of_the_whole(noise_file: Path) -> None:
    reader = AudioReader(48_000)
    whole = reader.read(noise_file)
    assert np.array_equal(reader.read(noise_file, 0.5, 0.25), whole[24_000:36_000])


def test_mean_and_named_channels(noise_file: Path) -> None:
    samples, _ = soundfile.read(noise_file, dtype="float32")
    assert np.allclose(AudioReader(48_000, "mean").read(noise_file), samples.mean(1), atol=1e-7)
    assert np.array_equal(AudioReader(48_000, 1).read(noise_file), samples[:, 1])
    with pytest.raises(AudioError, match="no channel 2, only 2"):
        AudioReader(48_000, 2).read(noise_file)


@pytest.mark.parametrize("rate", [8_000, 22_050, 32_000, 44_100, 96_000])
def test_a_resampled_stretch_equals_the_same_part_of_the_whole(noise_file: Path, rate: int) -> None:
    reader = AudioReader(rate)
    mono = soundfile.read(noise_file, dtype="float32")[0].mean(1)
    whole = soxr.resample(mono, 48_000, rate)
    stretch = reader.read(noise_file, 0.7, 0.5)
    start = round(0.7 * rate)
    assert len(stretch) == round(0.5 * rate)
    assert np.allclose(stretch, whole[start : start + len(stretch)], atol=2e-4)
    assert np.allclose(reader.read(noise_file), whole, atol=2e-4)


def test_what_lies_beyond_the_end_is_silence(noise_file: Path) -> None:
    waveform = AudioReader(48_000).read(noise_file, 1.5, 1.0)
    assert len(waveform) == 48_000
    assert np.any(waveform[:24_000])
    assert not np.any(waveform[24_000:])
    assert not np.any(AudioReader(32_000).read(noise_file, 5.0, 1.0))


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_every_format_is_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"tone.{suffix}"
    tone = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(48_000) / 48_000)
    soundfile.write(path, tone, 48_000)
    waveform = AudioReader(48_000).read(path, 0.25, 0.5)
    spectrum = np.abs(np.fft.rfft(waveform))
    assert len(waveform) == 24_000
    assert np.argmax(spectrum) == 500  # 1 kHz in bins of 2 Hz


def test_broken_files_are_named_with_a_reason(tmp_path: Path, noise_file: Path) -> None:
    whole = noise_file.read_bytes()
    broken = {
        "empty": b"",
        "text": b"this is no audio at all",
        "cut": whole[: len(whole) // 2],
    }
    for name, content in broken.items():
        path = tmp_path / f"{name}.flac"
        path.write_bytes(content)
        with pytest.raises(AudioError):
            AudioReader(48_000).read(path, 1.8, 0.1)
    with pytest.raises(AudioError, match="does not exist"):
        probe(tmp_path / "gone.flac")


def test_a_file_without_samples_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "none.wav"
    soundfile.write(path, np.zeros(0), 48_000)
    with pytest.raises(AudioError, match="no samples"):
        AudioReader(48_000).read(path)


def test_samples_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "nan.wav"
    soundfile.write(path, np.array([0.0, np.nan, np.inf]), 48_000, subtype="FLOAT")
    with pytest.raises(AudioError, match="no finite numbers"):
        AudioReader(48_000).read(path)
