from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from rfcx_audio.scoring.listing import is_one_recording, list_recordings, name_recordings


@pytest.fixture(autouse=True)
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two sites with recordings of the same name, one on top, and what is no recording."""
    for name in ("b/1.wav", "a/1.flac", "a/2.WAV", "top.ogg", "a/notes.txt", "a/._1.flac"):
        (tmp_path / "audio" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "audio" / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(place: str) -> dict[str, str]:
    return {name: path.as_posix() for name, path in list_recordings(place).items()}


def test_the_files_of_a_folder_at_any_depth() -> None:
    expected = {"a/1": "audio/a/1.flac", "a/2": "audio/a/2.WAV", "b/1": "audio/b/1.wav"}
    assert names("audio") == {**expected, "top": "audio/top.ogg"}
    assert list(list_recordings("audio")) == ["a/1", "a/2", "b/1", "top"]


def test_in_one_folder_the_id_is_the_name_of_the_file() -> None:
    assert names("audio/a") == {"1": "audio/a/1.flac", "2": "audio/a/2.WAV"}
    assert names("audio/a/1.flac") == {"1": "audio/a/1.flac"}


def test_a_pattern_is_seen_from_before_its_first_wildcard() -> None:
    assert names("audio/*/1.*") == {"a/1": "audio/a/1.flac", "b/1": "audio/b/1.wav"}
    assert names("audio/a/*.flac") == {"1": "audio/a/1.flac"}
    assert list(names("**/*.wav")) == ["audio/b/1"]


def test_a_list_is_seen_from_the_folder_that_its_files_share(archive: Path) -> None:
    Path("list.txt").write_text(f"audio/b/1.wav\n\n{archive}/audio/a/1.flac\naudio/b/1.wav\n")
    assert list(names("list.txt")) == ["b/1", "a/1"]
    Path("list.txt").write_text("audio/a/1.flac\naudio/a/gone.wav\n")
    assert list(names("list.txt")) == ["1", "gone"]
    Path("list.csv").write_text("site,path\nx,audio/b/1.wav\ny,audio/a/1.flac\n")
    assert list(names("list.csv")) == ["b/1", "a/1"]


def test_relative_paths_may_count_from_the_folder_of_the_list(archive: Path) -> None:
    (archive / "audio/list.txt").write_bytes("a/1.flac\r\nb/1.wav\r\ngone.wav\r\n".encode("utf-16"))
    expected = {"audio/a/1": "audio/a/1.flac", "audio/b/1": "audio/b/1.wav", "gone": "gone.wav"}
    assert names("audio/list.txt") == expected
    (archive / "audio/list.csv").write_text("path;site\na/1.flac;x\nb/1.wav;y\n")
    assert list(names("audio/list.csv")) == ["a/1", "b/1"]
    (archive / "a").mkdir()
    (archive / "a/1.flac").touch()
    with pytest.raises(ValueError, match=r"names a/1.flac, which may be .*; write the whole path"):
        list_recordings("audio/list.txt")


def test_a_table_may_give_the_ids() -> None:
    Path("list.csv").write_text("recording_id,path\nfirst,audio/b/1.wav\nx/y,audio/a/1.flac\n")
    assert names("list.csv") == {"first": "audio/b/1.wav", "x/y": "audio/a/1.flac"}


def test_two_files_with_one_id_are_both_named(archive: Path) -> None:
    (archive / "audio/a/1.wav").touch()
    with pytest.raises(ValueError, match=r"1\.flac and .*1\.wav share the id 'a/1'"):
        list_recordings("audio")


@pytest.mark.parametrize("name", ["", "/x", "a/../../x"])
def test_an_id_that_leads_elsewhere_is_refused(name: str) -> None:
    Path("list.csv").write_text(f"recording_id,path\n{name},audio/b/1.wav\n")
    with pytest.raises(ValueError, match="has the recording_id"):
        list_recordings("list.csv")


@pytest.mark.parametrize("place", ["nowhere", "empty", "audio/*.mp3", "list.txt"])
def test_nothing_is_an_error(place: str) -> None:
    Path("empty").mkdir()
    Path("list.txt").touch()
    with pytest.raises(ValueError, match="is no audio file, no folder with any"):
        list_recordings(place)


def test_a_table_without_paths_names_its_columns() -> None:
    Path("list.csv").write_text("file,site\na.wav,x\n")
    with pytest.raises(ValueError, match="lacks the column path; it has file, site"):
        list_recordings("list.csv")
    Path("list.csv").write_text("path,site\naudio/top.ogg,x\n,y\n")
    with pytest.raises(ValueError, match=r"list.csv line 3 has no path; write one"):
        list_recordings("list.csv")


def test_paths_are_named_as_those_of_a_list(archive: Path) -> None:
    paths = ["audio/b/1.wav", archive / "audio/a/1.flac"]
    assert list(name_recordings(paths)) == ["b/1", "a/1"]
    assert name_recordings({"x": "audio/b/1.wav"}) == {"x": Path("audio/b/1.wav")}
    assert name_recordings([]) == {}
    assert list(name_recordings(archive / "audio" / "a")) == ["1", "2"]


def test_a_file_and_a_waveform_are_one_recording_and_places_are_several() -> None:
    Path("list.txt").write_text("audio/b/1.wav\n")
    for one in ("audio/b/1.wav", Path("audio/b/1.wav"), torch.zeros(3), np.zeros(3)):
        assert is_one_recording(one)
        assert len(name_recordings(one)) == 1
    for several in ("audio", "audio/*/1.wav", Path("list.txt"), ["audio/b/1.wav"], {}):
        assert not is_one_recording(several)
