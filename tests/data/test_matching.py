from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from rfcx_audio.data import AnnotationError, Recordings
from rfcx_audio.data.matching import match_recordings


def names(*some: str | tuple[str, str]) -> pd.DataFrame:
    """Recordings as tables name them, each with the folder of its table."""
    pairs = [(one, ".") if isinstance(one, str) else one for one in some]
    table = pd.DataFrame(pairs, columns=pd.Index(["named", "folder"]))
    return table.assign(path="table.csv", line=range(2, 2 + len(table)))


def matched(table: pd.DataFrame, recordings: list[str]) -> list[str | None]:
    found = match_recordings(table, recordings)
    return [found.get(key) for key in zip(table["named"], table["folder"], strict=True)]


def test_names_agree_from_their_end() -> None:
    sites = ["siteA/dawn", "siteB/dawn", "siteB/dusk"]
    table = names("E:/cards/siteA/dawn", "siteB/dawn", "/home/x/audio/dusk", "dusk", "noon")
    assert matched(table, sites) == ["siteA/dawn", "siteB/dawn", "siteB/dusk", "siteB/dusk", None]


def test_a_name_of_two_recordings_is_refused_with_both() -> None:
    with pytest.raises(
        AnnotationError, match=r"table.csv line 2: 'dawn' may be 'a/dawn', 'b/dawn'"
    ):
        matched(names("dawn"), ["a/dawn", "b/dawn"])
    with pytest.raises(
        AnnotationError, match=r"'E:/card/dawn' may be 'a/dawn', 'b/dawn'; give the"
    ):
        matched(names("E:/card/dawn"), ["a/dawn", "b/dawn"])


def test_two_files_of_one_disk_are_never_one_recording() -> None:
    with pytest.raises(AnnotationError, match=r"'E:/b/dawn' are two files, and either may be rec"):
        matched(names("E:/a/dawn", "E:/b/dawn"), ["dawn"])
    two_disks = names("C:/anna/dawn", "/home/ben/dawn", "dawn")
    assert matched(two_disks, ["dawn"]) == ["dawn"] * 3


def test_of_two_files_of_a_disk_the_nearer_is_the_recording(tmp_path: Path) -> None:
    folder = tmp_path / "siteA"
    folder.mkdir()
    soundfile.write(folder / "dawn.WAV", np.zeros(100), 8000, format="WAV")
    (folder / "dusk.WAV").touch()  # cannot be read, and is a recording all the same
    recordings = Recordings.scan(folder)
    table = names("E:/siteA/dawn", "E:/siteB/dawn", "E:/siteA/dusk", "E:/siteB/dusk")
    found = match_recordings(table, recordings)
    assert found == {("E:/siteA/dawn", "."): "dawn", ("E:/siteA/dusk", "."): "dusk"}


def test_a_table_is_about_the_recording_beside_it() -> None:
    sites = ["a/dawn", "b/dawn"]
    table = names(("dawn", "a"), ("dawn", "b"))
    assert matched(table, sites) == sites
    assert matched(names(("dawn", "a"), ("dawn", "b")), ["a/dawn"]) == ["a/dawn", None]
    assert matched(names(("dawn", "a")), ["a/day1/dawn", "b/day1/dawn"]) == ["a/day1/dawn"]


def test_tables_may_lie_apart_from_the_audio() -> None:
    both = names(("dawn", "labels"), ("dawn", "."))
    assert matched(both, ["dawn"]) == ["dawn", "dawn"]
    assert matched(both, ["audio/dawn"]) == ["audio/dawn", "audio/dawn"]


def test_tables_of_two_folders_apart_from_the_audio_are_refused() -> None:
    with pytest.raises(AnnotationError, match="stand in tables of different folders"):
        matched(names(("dawn", "siteA"), ("dawn", "siteB")), ["dawn"])


def test_the_whole_path_goes_before_its_end() -> None:
    sites = ["dawn", "old/dawn", "x/old/dawn"]
    assert matched(names("old/dawn", "dawn"), sites) == ["old/dawn", "dawn"]


def test_a_file_found_by_its_name_alone_is_noted(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    assert matched(names("siteA/dawn", "x/dusk"), ["siteA/dawn", "dusk"]) == ["siteA/dawn", "dusk"]
    assert not caplog.text
    assert matched(names("E:/siteB/dawn"), ["siteA/dawn"]) == ["siteA/dawn"]
    assert "1 names of recordings agree with the audio in the name of the file only" in caplog.text
    assert "'E:/siteB/dawn', is taken for 'siteA/dawn'" in caplog.text
