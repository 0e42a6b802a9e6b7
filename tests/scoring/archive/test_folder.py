from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from rfcx_audio.data import file_name
from rfcx_audio.scores import Scores
from rfcx_audio.scoring.archive import Archive, ArchiveError, FileScores
from rfcx_audio.scoring.archive.growing import fingerprint

SETTINGS = {"duration_s": 6.0, "pool": "top3", "views": [{"shift": 0.0}]}
SPECIES = ("Owl", "Fen rail: song", "s2")
NAMES = ["b/1", "a/1", "_2", "site=3/.4", "broken", "a.b"]


def begin(folder: Path, names: list[str] = NAMES, **changes: object) -> Archive:
    paths = {name: Path("audio") / f"{name}.wav" for name in names}
    return Archive(folder, paths, SETTINGS | changes, SPECIES)


def scores_of(name: str) -> FileScores:
    rng = np.random.default_rng(len(name))
    windows = 1 + len(name)
    return FileScores(3.0 * np.arange(windows), rng.random((windows, 3), dtype=np.float32))


def fill(found: Archive) -> Scores:
    """Keeps an outcome of each recording, in another order than the table's, which is returned."""
    for name in sorted(found.left()):
        found.keep(name, "it is torn" if name == "broken" else scores_of(name))
    scored = [name for name in found.paths if name != "broken"]
    parts = [
        Scores.of_windows(name, scores_of(name)[0], 6.0, scores_of(name)[1], species=SPECIES)
        for name in scored
    ]
    return Scores.concatenate(parts)


def test_the_joined_tables_are_those_of_all_scores_together(tmp_path: Path) -> None:
    found = begin(tmp_path)
    expected = fill(found)
    assert found.left() == []
    assert found.join({"made": "so"}) == []
    scores = Scores.read(tmp_path / "scores.parquet")
    pd.testing.assert_frame_equal(scores.frame(), expected.frame())
    assert scores.metadata == {"made": "so"}
    replace(expected, metadata={"made": "so"}).write(tmp_path / "expected.parquet")
    ours, theirs = (pq.read_schema(tmp_path / f"{name}.parquet") for name in ("scores", "expected"))
    assert ours.equals(theirs, check_metadata=True)
    pooled = expected.pool("top3").frame()
    submitted = pd.read_csv(tmp_path / "submission.csv").astype(pooled.dtypes)
    pd.testing.assert_frame_equal(submitted, pooled)
    failures = pd.read_csv(tmp_path / "failures.csv")
    assert failures.values.tolist() == [["broken", "it is torn"]]


def test_single_results_can_be_read_before_the_end(tmp_path: Path) -> None:
    found = begin(tmp_path)
    found.keep("b/1", scores_of("b/1"))
    table = pd.read_parquet(tmp_path / "recordings" / "b" / "1.parquet")
    assert table["recording_id"].eq("b/1").all()
    np.testing.assert_array_equal(table[list(SPECIES)], scores_of("b/1").scores)
    assert found.left() == [name for name in NAMES if name != "b/1"]


def test_the_table_is_joined_in_stretches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = begin(tmp_path)
    expected = fill(found)
    monkeypatch.setattr("rfcx_audio.scoring.archive.folder._CELLS_AT_ONCE", 50)
    found.join({})
    assert pq.ParquetFile(tmp_path / "scores.parquet").num_row_groups == 3
    scores = Scores.read(tmp_path / "scores.parquet")
    pd.testing.assert_frame_equal(scores.frame(), expected.frame())


def test_a_sample_gives_the_order_of_the_submission(tmp_path: Path) -> None:
    found = begin(tmp_path)
    fill(found)
    sample = tmp_path / "sample.csv"
    sample.write_text("recording_id,Owl,Fen rail: song,s2\na/1,0,0,0\nbroken,0,0,0\n")
    assert found.join({}, sample) == ["broken"]
    assert pd.read_csv(tmp_path / "submission.csv")["recording_id"].to_list() == ["a/1", "broken"]


def test_where_nothing_can_be_read_the_table_is_empty(tmp_path: Path) -> None:
    found = begin(tmp_path, ["x"])
    found.keep("x", "it is torn")
    found.join({})
    assert list(Scores.read(tmp_path / "scores.parquet").frame()) == [
        *("recording_id", "t_min", "t_max", *SPECIES)
    ]
    assert (tmp_path / "submission.csv").read_text() == "recording_id,Owl,Fen rail: song,s2\n"


def test_other_settings_are_refused_and_named(tmp_path: Path) -> None:
    begin(tmp_path)
    begin(tmp_path)
    changed = r"begun with other settings: pool was 'top3' and is 'max'; tta was None and is 4\. "
    with pytest.raises(ArchiveError, match=changed):
        begin(tmp_path, pool="max", tta=4)
    assert json.loads((tmp_path / "settings.json").read_text()) == SETTINGS


def test_recordings_may_come_and_go_but_an_id_keeps_its_file(tmp_path: Path) -> None:
    fill(begin(tmp_path, ["a", "b"]))
    more = begin(tmp_path, ["b", "c"])
    assert more.left() == ["c"]
    fill(more)
    more.join({})
    assert Scores.read(tmp_path / "scores.parquet").recordings == ["b", "c"]
    with pytest.raises(ArchiveError, match=r"another file of the id 'a': it was /.*audio/a\.wav"):
        Archive(tmp_path, {"a": Path("elsewhere/a.wav")}, SETTINGS, SPECIES)


def test_names_that_are_too_long_for_a_file_system_are_shortened(tmp_path: Path) -> None:
    names = ["ü" * 125, "ü" * 124 + "u", "deep/" + "x" * 251, "short"]
    found = begin(tmp_path, names)
    for name in names[:3]:
        found.keep(name, scores_of(name))
    found.keep("short", scores_of("short"))
    assert [name for name, _ in found.tables()] == names
    assert file_name("short") == "short"
    assert file_name("deep/short") == "deep/short"
    assert all(len(file_name(name).encode()) < 220 for name in names)


def test_bytes_that_are_no_utf8_are_escaped_in_the_list_of_recordings(tmp_path: Path) -> None:
    Archive(tmp_path, {"a": Path("\udcff.wav")}, SETTINGS, SPECIES)
    assert pd.read_csv(tmp_path / "recordings.csv")["path"].to_list() == [f"{Path.cwd()}/\\xff.wav"]
    Archive(tmp_path, {"a": Path("\udcff.wav")}, SETTINGS, SPECIES)


def test_what_killed_runs_left_is_cleared_away(tmp_path: Path) -> None:
    found = begin(tmp_path)
    fill(found)
    (tmp_path / "recordings" / "b" / f".{uuid4().hex}.part.parquet").write_text("half")
    found.join({})
    assert not [path for path in tmp_path.rglob("*") if ".part" in path.name]


def write_sounds(folder: Path, **sounds: bytes) -> dict[str, Path]:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in sounds.items():
        (folder / f"{name}.wav").write_bytes(content)
    return {name: folder / f"{name}.wav" for name in sounds}


def test_the_same_files_elsewhere_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sounds = {"owl": b"a" * 300_000, "wren": b"b" * 10, "torn": b"c"}
    paths = write_sounds(tmp_path / "card", **sounds)
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "out"
    relative = {name: path.relative_to(tmp_path) for name, path in paths.items()}
    found = Archive(out, relative, SETTINGS, SPECIES)
    found.keep("owl", scores_of("owl"))
    found.keep("torn", "it is torn")
    assert Archive(out, paths, SETTINGS, SPECIES).left() == ["wren"]
    monkeypatch.chdir(tmp_path.parent)
    assert Archive(out, paths, SETTINGS, SPECIES).left() == ["wren"]
    copied = write_sounds(tmp_path / "disk", **sounds)  # with other times of change
    # What could not be read on the card may be whole on the disk.
    assert Archive(out, copied, SETTINGS, SPECIES).left() == ["wren", "torn"]


@pytest.mark.parametrize("content", [b"a" * 299_999 + b"x", b"a" * 299_999, b"x" + b"a" * 299_999])
def test_another_file_of_the_same_name_is_refused(content: bytes, tmp_path: Path) -> None:
    paths = write_sounds(tmp_path / "card", owl=b"a" * 300_000)
    Archive(tmp_path / "out", paths, SETTINGS, SPECIES).keep("owl", scores_of("owl"))
    other = write_sounds(tmp_path / "disk", owl=content)
    with pytest.raises(ArchiveError, match=r"disk/owl\.wav has another content\. Choose another"):
        Archive(tmp_path / "out", other, SETTINGS, SPECIES)


def test_what_cannot_be_read_is_not_known_again_and_a_pipe_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    assert fingerprint(tmp_path / "pipe.wav") == ""
    assert fingerprint(tmp_path / "gone.wav") == ""
