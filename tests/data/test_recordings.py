from __future__ import annotations

from pathlib import Path

import pytest
import soundfile

from rfcx_audio.data import Recordings, find_recordings


def test_one_file_can_be_scanned(noise_file: Path) -> None:
    assert list(Recordings.scan(noise_file).infos) == ["noise"]
    missing = Recordings.scan(noise_file.parent / "x.wav")
    assert missing.failures == {"x": "the file does not exist"}


def test_a_folder_is_scanned_with_its_broken_files(noise_file: Path) -> None:
    folder = noise_file.parent
    (folder / "broken.flac").write_bytes(b"")
    (folder / "notes.txt").write_text("no audio")
    found = Recordings.scan(folder)
    assert list(found.paths) == list(found.infos) == ["noise"]
    assert list(found.failures) == ["broken"]
    assert found.durations_s == {"noise": pytest.approx(2.0)}


def test_two_files_with_one_id_are_refused(tmp_path: Path, noise_file: Path) -> None:
    (tmp_path / "noise.wav").write_bytes(b"")
    with pytest.raises(ValueError, match="share the id 'noise'"):
        find_recordings(tmp_path)


def test_the_highest_frequency_is_that_of_the_highest_sample_rate(tmp_path: Path) -> None:
    assert Recordings.scan(tmp_path).nyquist_hz == 24_000
    for rate in (8_000, 22_050):
        soundfile.write(tmp_path / f"{rate}.wav", [0.0] * 10, rate)
    assert Recordings.scan(tmp_path).nyquist_hz == 11_025
