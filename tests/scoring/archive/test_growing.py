from __future__ import annotations

import os
import time
from pathlib import Path

import pandas as pd
import pytest

from rfcx_audio.scoring.archive import ArchiveError, Outcome
from rfcx_audio.scoring.archive.growing import GrowingFolder


class Notes(GrowingFolder):
    """Keeps a text for each recording."""

    def keep(self, recording_id: str, outcome: Outcome) -> None:
        if isinstance(outcome, str):
            self.keep_reason(recording_id, outcome)
        else:
            (self.folder / recording_id).write_text("done")

    def is_kept(self, recording_id: str) -> bool:
        return (self.folder / recording_id).exists()

    def kept_content(self, recording_id: str) -> str:
        return ""


def begin(folder: Path, *names: str, **settings: object) -> Notes:
    return Notes(folder, {name: folder / f"{name}.wav" for name in names}, settings)


def test_what_is_left_is_what_has_neither_a_result_nor_a_reason(tmp_path: Path) -> None:
    found = begin(tmp_path, "a", "b", "c")
    found.keep("b", "it is torn")
    (tmp_path / "c").touch()
    assert found.left() == ["a"]
    assert found.failures() == [("b", "it is torn")]


def test_an_unreadable_file_is_done_again_once_it_has_changed(tmp_path: Path) -> None:
    hour_ago = time.time() - 3600
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.wav").write_text("torn")
        os.utime(tmp_path / f"{name}.wav", (hour_ago, hour_ago))
    names = ["a", "b", "c", "d", "e"]
    found = begin(tmp_path, *names)
    (tmp_path / "c.wav").write_text("copied just now")
    for name in names:
        found.keep(name, "it is\ntorn")
    assert begin(tmp_path, *names).left() == ["c"]  # which may have been read half
    (tmp_path / "a.wav").write_text("good")  # of the same size
    (tmp_path / "d.wav").write_text("here at last")
    again = begin(tmp_path, *names)
    assert again.left() == ["a", "c", "d"]
    assert again.failures() == [("b", "it is\ntorn"), ("e", "it is\ntorn")]
    (tmp_path / "unreadable" / "b.txt").unlink()
    assert again.left() == ["a", "b", "c", "d"]
    (tmp_path / "unreadable" / "e.txt").write_text("of an earlier version")
    assert begin(tmp_path, *names).left() == names


def test_recordings_of_earlier_runs_stay_known_with_what_a_table_has_of_them(
    tmp_path: Path,
) -> None:
    begin(tmp_path, "a", "b").keep("a", "it is torn")
    table = pd.read_csv(tmp_path / "recordings.csv").assign(site=["north", "south"])
    table.to_csv(tmp_path / "recordings.csv", index=False)
    later = begin(tmp_path, "c", "b")
    assert later.known == ("c", "b", "a")
    assert later.failures() == []
    assert later.failures(later.known) == [("a", "it is torn")]
    table = pd.read_csv(tmp_path / "recordings.csv", keep_default_na=False)
    assert table.set_index("recording_id")["site"].to_dict() == {
        "c": "",
        "b": "south",
        "a": "north",
    }


def test_a_folder_whose_recordings_are_all_unreadable_is_refused(tmp_path: Path) -> None:
    found = begin(tmp_path, "a", "b")
    found.keep("a", "it is torn")
    found.check_some_kept()
    found.keep("b", "it is torn")
    with pytest.raises(ValueError, match=r"none of the 2 recordings could be read; the first, 'a'"):
        found.check_some_kept()


def test_a_setting_that_is_new_or_gone_is_named(tmp_path: Path) -> None:
    begin(tmp_path, gain=1)
    with pytest.raises(ArchiveError, match="gain was 1 and is None; hop was None and is 2"):
        begin(tmp_path, hop=2)
