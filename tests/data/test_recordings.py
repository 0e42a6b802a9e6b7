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


def test_recordings_lie_at_any_depth_where_that_is_asked_for(tmp_path: Path) -> None:
    for name in ("a/1.WAV", "b/1.flac", "2.wav", "._2.wav", "b/.old/3.wav", "b/notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert list(find_recordings(tmp_path)) == ["2"]
    assert list(find_recordings(tmp_path, at_any_depth=True)) == ["2", "a/1", "b/1"]


def test_accents_have_one_form_in_an_id(tmp_path: Path) -> None:
    (tmp_path / "Ri\u0301o.wav").touch()
    found = find_recordings(tmp_path)
    assert list(found) == ["R\u00edo"]
    assert found["R\u00edo"].exists()


def test_audio_that_cannot_be_read_is_named_beside_a_copy_that_can(tmp_path: Path) -> None:
    for name in ("a.wac", "a.wav", "b.m4a", "c.mp4"):
        (tmp_path / name).write_bytes(b"x")
    found = Recordings.scan(tmp_path)
    assert set(found.failures) == {"a", "a.wac", "b"}
    assert found.failures["b"] == ".m4a files cannot be read; convert this one to FLAC or WAV"


def test_a_folder_in_which_nothing_can_be_read_is_no_folder_without_audio(tmp_path: Path) -> None:
    assert "set data.source.audio" in Recordings.scan(tmp_path).without_audio(8, tmp_path)
    for name in "abcd":
        (tmp_path / f"{name}.wav").touch()
    words = Recordings.scan(tmp_path).without_audio(8, tmp_path)
    assert words.startswith("none of the 8 rows has audio that can be read: 4 of 4 audio files in")
    assert "'a': " in words
