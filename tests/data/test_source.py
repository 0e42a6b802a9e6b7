from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from conftest import SMALL_FOREST
from rfcx_audio.config import build, load_config
from rfcx_audio.data import (
    PSEUDO_COLUMNS,
    AnnotationError,
    RfcxFolder,
    SyntheticFolder,
)
from rfcx_audio.data.synthetic import Rainforest


def test_a_folder_is_loaded_with_its_truth(forest: Path) -> None:
    corpus = RfcxFolder(str(forest), 24).load()
    assert len(corpus.usable) == len(corpus.rows) == 96
    assert corpus.left_out.empty
    assert corpus.test is not None
    assert corpus.truth is not None
    assert set(corpus.truth["recording_id"]) <= set(corpus.test.paths)


def test_nothing_of_rfcx_is_taken_for_granted(forest: Path, tmp_path: Path) -> None:
    for data in ("rfcx", "table"):
        config = load_config("train", [f"data={data}", f"paths.output_dir={tmp_path}"])
        assert config.data.num_species is None
        assert config.data.sample_rate is None
        assert "rfcx" not in config.data.templates["_target_"].removeprefix("rfcx_audio")
    words = ["data=rfcx", "data/templates=rfcx", f"paths.output_dir={tmp_path}"]
    assert len(build(load_config("train", words).data.templates)) == 37
    assert RfcxFolder(str(forest)).num_species == 24  # as the tables have


def test_species_that_only_a_sample_submission_names_are_scored(
    forest: Path, tmp_path: Path
) -> None:
    for name in ("train_tp.csv", "train_fp.csv"):
        rows = pd.read_csv(forest / name)
        rows[rows["species_id"] < 5].to_csv(tmp_path / name, index=False)
    assert RfcxFolder(str(tmp_path)).species.names == ("s0", "s1", "s2", "s3", "s4")
    (tmp_path / "sample_submission.csv").write_text("recording_id,s0,s1,s2,s3,s4,s5,s6\n")
    assert RfcxFolder(str(tmp_path)).num_species == 7
    names = "species,species_id,common_name\n" + "".join(f"Owl {n},{n},\n" for n in range(5))
    (tmp_path / "species.csv").write_text(names.replace("Owl 3,3,", "Owl 3,3,Little owl"))
    species = RfcxFolder(str(tmp_path)).species
    assert species.names == ("Owl 0", "Owl 1", "Owl 2", "Owl 3", "Owl 4")
    assert species.others == {"Owl 3": {"common_name": "Little owl"}}
    assert str(species).startswith("5 species: Owl 0, Owl 1")


def test_a_folder_without_truth_has_no_test(forest: Path, tmp_path: Path) -> None:
    for name in ("train_tp.csv", "train_fp.csv"):
        (tmp_path / name).write_bytes((forest / name).read_bytes())
    (tmp_path / "train").symlink_to(forest / "train")
    corpus = RfcxFolder(str(tmp_path), 24).load()
    assert corpus.test is None
    assert corpus.truth is None


def test_missing_audio_is_refused(forest: Path, tmp_path: Path) -> None:
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


def test_pseudo_labels_of_other_tables_are_refused(forest: Path, tmp_path: Path) -> None:
    assert RfcxFolder(str(forest), 24).load().pseudo is None
    row = dict.fromkeys(PSEUDO_COLUMNS, 1) | {"recording_id": "a", "species_id": 23, "t_max": 2}
    row |= {"f_max": 2, "present": True, "teacher": "t"}
    pd.DataFrame([row]).to_csv(tmp_path / "rows.csv", index=False)
    source = RfcxFolder(str(forest), 24, pseudo_rows=str(tmp_path / "rows.csv"))
    found = source.load().pseudo
    assert found is not None
    assert found["species_id"].to_list() == [23]
    fewer = RfcxFolder(str(forest), 20, pseudo_rows=str(tmp_path / "rows.csv"))
    with pytest.raises(AnnotationError, match=r"rows of species 23, beyond 19.*data.num_species"):
        fewer.pseudo()
