from __future__ import annotations

from pathlib import Path

import pytest

from rfcx_audio.data import AnnotationError, read_annotations

SCORED = ("Owl", "Wren", "Frog")


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    (tmp_path / "labels.csv").write_text(
        "recording,species,t_min,t_max\na,Frog,0,1\na,Owl,1,2\nb,Toad,0,1\n"
    )
    return tmp_path


def test_rows_take_the_place_of_their_name_and_others_are_named(
    labels: Path, caplog: pytest.LogCaptureFixture
) -> None:
    found = read_annotations(labels, SCORED)
    assert found.rows["species_id"].tolist() == [2, 0]
    assert found.names == {0: "Owl", 2: "Frog"}  # of the wren they state nothing
    declared = found.declared(complete=True).complete
    assert declared.whole("a", 10.0, 3).tolist() == [True, False, True]
    assert "1 of 3 rows in" in caplog.text
    assert "of species that are not scored, and are left out: Toad" in caplog.text


def test_several_names_of_a_species_file_are_one_species(labels: Path) -> None:
    (labels / "species.csv").write_text(
        "species,species_id\nRana arvalis,0\nFrog,0\nStrix,1\nOwl,1\nToad,2\n"
    )
    found = read_annotations(labels, ("Strix", "Rana arvalis", "Toad"))
    assert found.rows["species_id"].tolist() == [1, 0, 2]


def test_labels_of_none_of_the_species_are_refused(labels: Path) -> None:
    with pytest.raises(AnnotationError, match=r"none of the species .*'Frog'.* is scored; .*'Bat'"):
        read_annotations(labels, ("Bat", "Cat"))


def test_numbers_are_places_unless_a_species_file_names_them(tmp_path: Path) -> None:
    header = "recording_id,species_id,songtype_id,t_min,f_min,t_max,f_max\n"
    (tmp_path / "train_tp.csv").write_text(header + "a,0,1,0,100,1,900\na,1,1,0,100,1,900\n")
    (tmp_path / "train_fp.csv").write_text(header)
    assert read_annotations(tmp_path, SCORED).rows["species_id"].tolist() == [0, 1]
    (tmp_path / "species.csv").write_text("species,species_id\nFrog,0\nOwl,1\n")
    assert read_annotations(tmp_path, SCORED).rows["species_id"].tolist() == [2, 0]
    with pytest.raises(AnnotationError, match="lies outside 0 to 0"):
        (tmp_path / "species.csv").unlink()
        read_annotations(tmp_path, ("Owl",))
