from __future__ import annotations

import logging
from pathlib import Path

import pytest

from own_tables import load, write_audio
from reviews import BOX, filled, found, reviewed
from rfcx_audio import read_annotations
from rfcx_audio.data import AnnotationError, Recordings
from rfcx_audio.data.verdict_table import labels_of_verdicts
from rfcx_audio.verdicts import ABSENT, PRESENT, Verdict


def test_each_answer_is_the_rows_that_it_means(tmp_path: Path) -> None:
    store = reviewed(tmp_path, ["a", "b", "c", "d"])
    labels = labels_of_verdicts(store.answers())
    assert labels[["recording_id", "species", "present"]].to_numpy().tolist() == [
        ["a", "owl", True],
        ["b", "owl", False],
        ["d", "owl", False],
        ["d", "wren", True],
    ]
    assert labels.loc[0, ["t_min", "t_max", "f_min", "f_max"]].to_list() == list(BOX)
    assert labels.loc[1, ["t_min", "t_max"]].to_list() == [0.0, 3.0]
    assert labels["score"].isna().to_list() == [False, False, False, True]


def test_a_store_is_read_as_labels_with_its_provenance(tmp_path: Path) -> None:
    store = reviewed(tmp_path, ["a", "b", "c", "d"])
    annotations = read_annotations(store.path, ["owl", "wren"], f_max=8000.0)
    assert found(annotations.rows) == [
        ("a", 0, True, 0.5, 1.5, 300.0, 900.0),
        ("b", 0, False, 0.0, 3.0, 0.0, 8000.0),
        ("d", 0, False, 0.0, 3.0, 0.0, 8000.0),
        ("d", 1, True, 0.0, 3.0, 0.0, 8000.0),
    ]
    assert set(annotations.rows["source"]) == {"verdicts.sqlite"}
    assert sorted(annotations.rows["line"]) == [1, 2, 4, 4]
    assert not annotations.complete


def test_a_dispute_is_left_unknown_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = reviewed(tmp_path, ["a", "b", "c", "d"])
    store.record([Verdict(1, "ben", ABSENT, "e"), Verdict(2, "ben", ABSENT, "f")])
    with caplog.at_level(logging.WARNING):
        rows = read_annotations(store.path, ["owl", "wren"]).rows
    assert sorted(rows["recording_id"]) == ["b", "d", "d"]
    assert "reviewers disagree on 1 clips, which stay unknown" in caplog.text


def test_a_species_that_is_not_scored_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = reviewed(tmp_path, ["a", "b", "c", "d"])
    with caplog.at_level(logging.WARNING):
        rows = read_annotations(store.path, ["owl"]).rows
    assert len(rows) == 3
    assert "wren" in caplog.text


def test_verdicts_stand_beside_the_rows_of_own_tables(tmp_path: Path) -> None:
    root = tmp_path / "data"
    for name in ("north/a", "north/b", "south/c", "south/d"):
        write_audio(root / f"{name}.wav")
    (root / "labels.csv").write_text("file,species,start,end\na.wav,wren,0,1\nb.wav,owl,2,3\n")
    store = reviewed(tmp_path / "review", ["north/a", "north/b", "south/c", "south/d"])
    corpus = load(root, f"data.verdicts={store.path}")
    assert len(corpus.rows) == 6
    added = corpus.rows[corpus.rows["source"] == "verdicts.sqlite"]
    assert sorted(set(added["recording_id"])) == ["north/a", "north/b", "south/d"]
    assert added["f_max"].max() == 4000.0
    assert len(corpus.usable) == 6


def test_a_folder_with_a_store_needs_no_other_table(tmp_path: Path) -> None:
    for name in "abcd":
        write_audio(tmp_path / "audio" / f"{name}.wav")
    reviewed(tmp_path / "review", list("abcd"))
    corpus = load(tmp_path / "review", f"data.source.audio={tmp_path / 'audio'}")
    assert len(corpus.usable) == 4


def test_verdicts_stand_beside_rfcx_tables(tmp_path: Path) -> None:
    header = "recording_id,species_id,songtype_id,t_min,f_min,t_max,f_max"
    (tmp_path / "train_tp.csv").write_text(f"{header}\na,1,1,0,100,1,900\n")
    (tmp_path / "train_fp.csv").write_text(f"{header}\nb,0,1,0,100,1,900\n")
    (tmp_path / "species.csv").write_text("species,species_id\nowl,0\nwren,1\n")
    for name in "abcd":
        write_audio(tmp_path / "train" / f"{name}.wav")
    store = reviewed(tmp_path / "review", list("abcd"))
    corpus = load(tmp_path, f"data.verdicts={store.path}", "data=rfcx")
    assert len(corpus.usable) == 6
    own = corpus.usable[corpus.usable["source"] == "verdicts.sqlite"]
    assert found(own)[0] == ("a", 0, True, 0.5, 1.5, 300.0, 900.0)


@pytest.mark.parametrize("answer", [PRESENT, ABSENT])
def test_answers_of_one_kind_are_rows_of_one_kind(tmp_path: Path, answer: str) -> None:
    store = filled(tmp_path)
    store.record(Verdict(clip, "ana", answer, str(clip)) for clip in (1, 2))
    rows = read_annotations(store.path, ["owl"]).rows
    assert rows["present"].to_list() == [answer == PRESENT] * 2
    assert rows["recording_id"].to_list() == ["night_0", "night_1"]


def test_a_store_without_an_answer_has_no_rows(tmp_path: Path) -> None:
    assert read_annotations(filled(tmp_path).path, ["owl"]).rows.empty


def test_what_is_no_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "verdicts.sqlite").write_text("no database")
    with pytest.raises(AnnotationError, match="no store of verdicts"):
        read_annotations(tmp_path / "verdicts.sqlite", ["owl"])
    with pytest.raises(AnnotationError, match="no store of verdicts"):
        read_annotations(tmp_path, ["owl"], recordings=Recordings({}, {}, {}))
