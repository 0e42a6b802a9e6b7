from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from rfcx_audio.data import AnnotationError, Annotations, read_annotations, read_rfcx
from rfcx_audio.data.rows import RFCX_COLUMNS

COLUMNS = [*RFCX_COLUMNS, "present", "weight", "source", "line", "whole_band"]
RAVEN = (
    "Selection\tView\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)\tBegin File"
    "\tFile Offset (s)\tSpecies\n1\tSpectrogram 1\t1.5\t2.5\t300\t900\tNA.wav\t1.5\tOwl\n"
)
KEY = ["recording_id", "species_id", "t_min", "t_max", "present"]


def write(folder: Path, **files: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder


@pytest.fixture
def kinds(tmp_path: Path) -> dict[str, Path]:
    """The same annotation, an owl (species 1) in the recording "NA", in every format."""
    species = "species,species_id\nFrog,0\nOwl,1\n"
    header = ",".join(RFCX_COLUMNS) + "\n"
    rfcx = write(tmp_path / "rfcx", train_tp__csv=f"{header}NA,1,1,1.5,300,2.5,900\n")
    write(rfcx, train_fp__csv=header, truth__csv=f"split,{header}test,NA,1,1,1.5,300,2.5,900\n")
    raven = write(tmp_path / "raven", NA__selections__txt=RAVEN, species__csv=species)
    audacity = write(tmp_path / "audacity", species__csv=species)
    write(audacity, NA__txt="1.5\t2.5\tOwl\n\\\t300\t900\n")
    table = write(tmp_path / "csv", species__csv=species)
    write(table, a__csv="file,label,start,end,low_freq,high_freq\nNA.wav,Owl,1.5,2.5,300,900\n")
    return {
        "rfcx": rfcx,
        "rfcx file": rfcx / "train_tp.csv",
        "truth": rfcx / "truth.csv",
        "raven": raven,
        "raven file": raven / "NA.selections.txt",
        "audacity": audacity,
        "csv": table,
        "csv file": table / "a.csv",
    }


def test_every_format_gives_the_same_table(kinds: dict[str, Path]) -> None:
    found = {kind: read_annotations(place, 2) for kind, place in kinds.items()}
    for kind, one in found.items():
        assert set(COLUMNS) <= set(one.rows), kind
        assert one.rows[KEY].to_numpy().tolist() == [["NA", 1, 1.5, 2.5, True]], kind
        assert one.rows[["f_min", "f_max"]].to_numpy().tolist() == [[300, 900]], kind
        assert bool(one.complete) == (kind == "truth")
        named = kind.split(" ")[0] in ("raven", "audacity", "csv")
        assert dict(one.names) == ({0: "Frog", 1: "Owl"} if named else {}), kind


def test_a_folder_is_never_complete_truth(forest: Path) -> None:
    annotations = read_annotations(forest)
    assert not annotations.complete
    pd.testing.assert_frame_equal(annotations.rows, read_rfcx(forest, 24))
    absent = read_annotations(forest / "train_fp.csv").rows
    assert not absent["present"].any()


def test_truth_is_known_by_its_name_or_its_column_split(tmp_path: Path) -> None:
    write(tmp_path, truth__csv="recording_id,species_id\na,0\n")
    write(tmp_path, calls__csv="split,recording_id,species_id\ntest,a,0\n")
    write(tmp_path, of_r__csv='"split","recording_id","species_id"\n"test","a",0\n')
    for name in ("truth.csv", "calls.csv", "of_r.csv"):
        assert read_annotations(tmp_path / name).complete
    write(tmp_path, own__csv="recording_id,species_id,start,end\na,0,1,2\n")
    assert not read_annotations(tmp_path / "own.csv").complete


def test_names_get_the_numbers_that_one_gives_them(kinds: dict[str, Path], tmp_path: Path) -> None:
    given = read_annotations(kinds["raven"], 8, species={"Owl": 7})
    assert given.rows["species_id"].to_list() == [7]
    other = tmp_path / "other.csv"
    other.write_text("species,species_id\nOwl,0\nFrog,1\n")
    assert read_annotations(kinds["raven"], 2, species=other).rows["species_id"].to_list() == [0]
    (kinds["raven"] / "species.csv").unlink()
    assert read_annotations(kinds["raven"]).rows["species_id"].to_list() == [0]
    with pytest.raises(
        AnnotationError, match=r"names 1 species \('Owl'\), 24 without names are scored"
    ):
        read_annotations(kinds["raven"], 24)


@pytest.mark.parametrize("name", ["gone", "train_tp.csv", "gone.txt"])
def test_what_is_missing_is_one_clear_sentence(tmp_path: Path, name: str) -> None:
    with pytest.raises(AnnotationError, match=rf"labels .*{name} do not exist; expected a folder"):
        read_annotations(tmp_path / name)


def test_species_beyond_those_that_are_scored_are_refused(kinds: dict[str, Path]) -> None:
    for kind in ("rfcx", "truth"):
        with pytest.raises(AnnotationError, match="species_id 1 lies outside 0 to 0"):
            read_annotations(kinds[kind], 1)


def test_annotations_are_partial_by_default(forest: Path) -> None:
    assert not Annotations(read_rfcx(forest, 24)).complete


def test_annotations_are_complete_where_their_author_states_it(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("recording_id,species,t_min,t_max\na,Owl,1,2\nb,Rail,3,4\n")
    annotations = read_annotations(tmp_path / "own.csv")._replace(without_rows=("quiet",))
    assert annotations.recordings == ["a", "b", "quiet"]
    assert annotations.declared(None) is annotations
    every = annotations.declared(complete=True).complete
    assert every.named(["a", "c", "quiet"]) == ["a", "quiet"]
    assert every.whole("quiet", float("inf"), 3).tolist() == [True, True, False]  # of the labels
    assert not annotations.declared(complete=False).complete
    (tmp_path / "where.csv").write_text("recording_id,species\n*,Rail\n")
    some = annotations.declared(tmp_path / "where.csv").complete
    assert some.whole("c", 5.0, 2).tolist() == [False, True]
    (tmp_path / "truth.csv").write_text("recording_id,species_id\na,1\n")
    truth = read_annotations(tmp_path / "truth.csv")
    assert truth.declared(complete=True).complete.named(["c"]) == ["c"]
    assert not truth.declared(complete=False).complete


@pytest.mark.parametrize("species", ["Owl", ""])
def test_a_table_that_states_completeness_is_no_table_of_labels(
    tmp_path: Path, species: str
) -> None:
    write(tmp_path, own__csv="recording_id,species,t_min,t_max\na,Owl,1,2\nb,Rail,3,4\n")
    write(tmp_path, where__csv=f"recording_id,species,t_min,t_max\na,{species},0,8\n")
    found = read_annotations(tmp_path, complete=tmp_path / "where.csv")
    assert found.rows[KEY[:3]].to_numpy().tolist() == [["a", 0, 1.0], ["b", 1, 3.0]]
    assert found.complete.whole("a", 8.0, 2).tolist() == [True, not species]
