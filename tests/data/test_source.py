from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from conftest import SMALL_FOREST
from rfcx_audio.config import build, load_config
from rfcx_audio.data import (
    PSEUDO_COLUMNS,
    AnnotationError,
    RfcxFolder,
    SyntheticFolder,
    TableFolder,
)
from rfcx_audio.data.rows import RFCX_COLUMNS
from rfcx_audio.data.synthetic import Rainforest


def test_a_folder_is_loaded_with_its_truth(forest: Path) -> None:
    corpus = RfcxFolder(str(forest), 24).load()
    assert len(corpus.usable) == len(corpus.rows) == 96
    assert corpus.left_out.empty
    assert corpus.test is not None
    assert corpus.truth is not None
    assert set(corpus.truth["recording_id"]) <= set(corpus.test.paths)


def test_boxes_are_those_of_rfcx_only_where_the_configuration_names_them(
    forest: Path, tmp_path: Path
) -> None:
    assert RfcxFolder(str(forest), 24).load().templates is None
    for data in ("rfcx", "synthetic", "table"):
        config = load_config("train", [f"data={data}", f"paths.output_dir={tmp_path}"])
        source = build(config.data.source)
        assert (source.templates is None) == (data == "table")
    assert SyntheticFolder(str(forest), 24, Rainforest(**SMALL_FOREST)).load().templates is not None


def test_a_folder_without_truth_has_no_test(forest: Path, tmp_path: Path) -> None:
    for name in ("train_tp.csv", "train_fp.csv"):
        (tmp_path / name).write_bytes((forest / name).read_bytes())
    (tmp_path / "train").symlink_to(forest / "train")
    corpus = RfcxFolder(str(tmp_path), 24).load()
    assert corpus.test is None
    assert corpus.truth is None


def test_what_is_missing_is_said(forest: Path, tmp_path: Path) -> None:
    for name in ("train_tp.csv", "train_fp.csv"):
        (tmp_path / name).write_bytes((forest / name).read_bytes())
    with pytest.raises(AnnotationError, match="the recordings belong there"):
        RfcxFolder(str(tmp_path), 24).load()
    (tmp_path / "train").mkdir()
    with pytest.raises(AnnotationError, match="none of the 96 rows has its audio"):
        RfcxFolder(str(tmp_path), 24).load()
    with pytest.raises(AnnotationError, match="unknown recording"):
        RfcxFolder(str(tmp_path), 24, missing_audio="error").load()


def test_a_synthetic_folder_is_made_once(forest: Path) -> None:
    before = (forest / "truth.csv").stat().st_mtime_ns
    SyntheticFolder(str(forest), 24, Rainforest(**SMALL_FOREST)).prepare()
    assert (forest / "truth.csv").stat().st_mtime_ns == before


def test_another_recipe_in_the_same_folder_is_refused(forest: Path) -> None:
    other = Rainforest(**{**SMALL_FOREST, "seed": 1})
    with pytest.raises(ValueError, match=r"recipe|seed"):
        SyntheticFolder(str(forest), 24, other).prepare()


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    """Four recordings of 4 s with an Audacity track, a Raven table and a CSV beside them."""
    root = tmp_path / "labels"
    root.mkdir()
    rng = np.random.default_rng(0)
    for name in "abcd":
        soundfile.write(root / f"{name}.wav", rng.uniform(-0.5, 0.5, 64_000), 16_000)
    (root / "a.txt").write_text("0.5\t1.0\tOwl\n\\\t300.0\t900.0\n2.5\t3.5\tFrog\n")
    (root / "two.selections.txt").write_text(
        "Selection\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)\tBegin File\t"
        "File Offset (s)\tAnnotation\n"
        "1\t5\t6\t300\t900\tb.wav\t1\tOwl\n2\t8\t9.5\t1000\t3000\tc.wav\t0\tFrog\n"
    )
    (root / "more.csv").write_text("file,start,end,label,present\nd.wav,0,4,Owl,0\nd,1,2,Frog,1\n")
    return root


def table_folder(root: Path, num_species: int = 2, **changes: str) -> TableFolder:
    settings = {"audio": str(root), "species": str(root / "species.csv")} | changes
    return TableFolder(str(root), num_species, **settings)  # type: ignore[arg-type]


def test_tables_of_all_kinds_become_one_corpus(labels: Path) -> None:
    corpus = table_folder(labels).load()
    assert corpus.truth is None
    rows = corpus.usable.sort_values(["recording_id", "t_min"])
    assert set(rows) == {*RFCX_COLUMNS, "present", "weight", "source", "line"}
    columns = ["recording_id", "species_id", "t_min", "t_max", "f_max", "present"]
    assert rows[columns].to_numpy().tolist() == [
        ["a", 1, 0.5, 1.0, 900.0, True],
        ["a", 0, 2.5, 3.5, 8000.0, True],
        ["b", 1, 1.0, 2.0, 900.0, True],
        ["c", 0, 0.0, 1.5, 3000.0, True],
        ["d", 1, 0.0, 4.0, 8000.0, False],
        ["d", 0, 1.0, 2.0, 8000.0, True],
    ]


def test_numbers_of_species_are_written_once_and_kept(labels: Path) -> None:
    source = table_folder(labels)
    source.prepare()
    assert (labels / "species.csv").read_text() == "species,species_id\nFrog,0\nOwl,1\n"
    (labels / "species.csv").write_text("species,species_id\nOwl,0\nFrog,1\n")
    source.prepare()
    assert source.load().rows["species_id"].to_list() == [0, 1, 0, 1, 0, 1]


def test_the_number_of_species_is_told_when_it_is_another(labels: Path) -> None:
    with pytest.raises(AnnotationError, match=r"2 species \('Frog', 'Owl'\).*num_species=2"):
        table_folder(labels, 24).prepare()
    assert not (labels / "species.csv").exists()


def test_tables_without_their_audio_are_refused(labels: Path) -> None:
    with pytest.raises(AnnotationError, match="the recordings belong there"):
        table_folder(labels, audio=str(labels / "sounds")).load()
    (labels / "c.wav").unlink()
    with pytest.raises(AnnotationError, match=r"two.selections.txt line 3: unknown recording 'c'"):
        table_folder(labels).load()
    assert len(table_folder(labels, missing_audio="leave_out").load().left_out) == 1


def test_own_labels_become_labelled_crops(labels: Path) -> None:
    words = ["data=table", f"data.root={labels}", "data.num_species=2", "data.num_workers=0"]
    words += ["data.sample_rate=16000", "data.crop_duration_s=2.0", "data.folds.num_folds=2"]
    words += ["frontend.f_max=8000", "data.batch_size=3", "augment=none"]
    data = build(load_config("train", words).data.module)
    data.prepare_data()
    data.setup("fit")
    boxes = data.corpus.usable
    batches = list(data.train_dataloader())
    assert batches
    for batch in batches:
        assert data.on_after_batch_transfer(batch, 0).spectrogram.shape[0] == 3
        assert batch.labels.clip.known.any(1).all()
        for crop in range(3):
            own = batch.labels.boxes
            for species in range(2):
                of_species = own.species[crop] == species
                known = batch.labels.clip.known[crop, species]
                present = batch.labels.clip.target[crop, species]
                assert not known or of_species.any()
                assert not known or present == own.present[crop][of_species].any()
    trained = set(data.train_rows["recording_id"]) | set(data.val_rows["recording_id"])
    assert trained == set(boxes["recording_id"]) == set("abcd")
    with pytest.raises(ValueError, match=r"no truth.csv"):
        data.test_dataloader()


def test_pseudo_labels_of_other_tables_are_refused(forest: Path, tmp_path: Path) -> None:
    assert RfcxFolder(str(forest), 24).load().pseudo is None
    row = dict.fromkeys(PSEUDO_COLUMNS, 1) | {"recording_id": "a", "species_id": 23, "t_max": 2}
    row |= {"f_max": 2, "present": True, "teacher": "t"}
    pd.DataFrame([row]).to_csv(tmp_path / "rows.csv", index=False)
    source = RfcxFolder(str(forest), 24, pseudo_rows=str(tmp_path / "rows.csv"))
    found = source.load().pseudo
    assert found is not None
    assert found["species_id"].to_list() == [23]
    source.num_species = 20
    with pytest.raises(AnnotationError, match=r"rows of species 23, beyond 19.*data.num_species"):
        source.pseudo()
