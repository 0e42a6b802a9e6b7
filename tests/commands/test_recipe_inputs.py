from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch

from own_tables import write_audio
from pond import SPECIES, write_pond
from reviews import found, reviewed
from rfcx_audio.commands.recipe_inputs import (
    Material,
    Unlabelled,
    label_keys_of,
    source_of,
    step_config,
    unlabelled_of,
)
from rfcx_audio.config import DictConfig, load_config
from rfcx_audio.data import AnnotationError, Annotations, RfcxFolder, read_annotations
from rfcx_audio.data.tables import NO_SPECIES


@pytest.fixture(scope="module")
def pond(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pond(tmp_path_factory.mktemp("pond"), labelled=4, new=2)


def config_of(root: Path, *words: str) -> DictConfig:
    return load_config("recipe", ["data=table", f"data.root={root}", *words])


def test_recordings_with_labels_are_left_out_by_their_path(pond: Path) -> None:
    config = config_of(pond / "labelled", f"recordings={pond}")
    found = unlabelled_of(config, source_of(config))
    assert sorted(found.paths) == ["archive/0/pond_04", "archive/1/pond_05"]
    assert len(found.labelled) == 4
    assert (found.truth, found.sample) == (None, None)


def test_own_tables_without_recordings_have_none_to_score(pond: Path) -> None:
    config = config_of(pond / "labelled")
    assert unlabelled_of(config, source_of(config)) == Unlabelled()


def test_test_recordings_of_a_data_set_come_with_their_truth(forest: Path) -> None:
    words = ["data=rfcx", "data/templates=rfcx", f"data.root={forest}"]
    config = load_config("recipe", words)
    found = unlabelled_of(config, source_of(config))
    assert len(found.paths) == 6
    assert found.truth == forest / "truth.csv"
    elsewhere = load_config("recipe", [*words, f"recordings={forest / 'test'}"])
    assert unlabelled_of(elsewhere, source_of(elsewhere)).truth is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["complete_labels=gone.csv"], "give recordings="),
        (["complete_labels=gone.csv", "recordings={pond}/archive"], "there is no such file"),
        (["recordings={pond}/nowhere"], "is no audio file"),
        (["recordings={pond}/labelled"], "all 4 recordings of .* have labels"),
    ],
)
def test_what_cannot_be_scored_or_compared_is_refused(
    pond: Path, words: list[str], message: str
) -> None:
    config = config_of(pond / "labelled", *(word.format(pond=pond) for word in words))
    with pytest.raises(ValueError, match=message):
        unlabelled_of(config, source_of(config))


def reads(keys: dict[str, Any], source: RfcxFolder, recordings: list[str]) -> Annotations:
    """What a command reads by the keys of a recipe."""
    return read_annotations(
        *(keys["labels"], source.species.names, keys["species"]),
        recordings=recordings,
        complete=keys["complete"],
    )


def test_answers_of_a_review_are_labels_of_every_step(tmp_path: Path) -> None:
    for name in ("dawn", "dusk"):
        write_audio(tmp_path / "own" / f"{name}.wav")
    (tmp_path / "own" / "calls.csv").write_text("recording_id,species,t_min,t_max\ndawn,owl,1,2\n")
    store = reviewed(tmp_path, ["dawn", "dusk", "dusk", "dusk"])
    config = config_of(tmp_path / "own", f"data.verdicts={store.path}")
    source = source_of(config)  # all absences are answers
    read = reads(label_keys_of(source, tmp_path), source, ["dawn", "dusk"])
    assert found(read.rows) == found(source.load().usable)
    assert sorted(read.rows["present"]) == [False, False, True, True]


def test_folders_of_equal_names_are_not_matched_again(tmp_path: Path) -> None:
    write_audio(tmp_path / "siteA" / "dawn.wav")
    (tmp_path / "calls.csv").write_text(
        "recording_id,species,t_min,t_max,present\nsiteA/dawn.wav,owl,1,2,1\n"
        "siteA/dawn.wav,owl,3,4,0\nsiteB/dawn.wav,owl,5,6,1\n"
    )
    words = ["data.source.audio=${data.root}/siteA", "data.source.missing_audio=leave_out"]
    source = source_of(config_of(tmp_path, *words))
    read = reads(label_keys_of(source, tmp_path / "out"), source, ["dawn"])
    assert read.rows[["recording_id", "t_min", "present"]].to_numpy().tolist() == [
        ["dawn", 1.0, True],
        ["dawn", 3.0, False],
    ]


def test_species_may_be_called_as_what_other_tables_do_not_count(tmp_path: Path) -> None:
    write_audio(tmp_path / "dawn.wav")
    (tmp_path / "calls.csv").write_text(
        "recording_id,species,t_min,t_max,present\ndawn,nocall,1,2,1\ndawn,a;b,1,2,0\n"
    )
    assert "nocall" in NO_SPECIES
    source = source_of(config_of(tmp_path, "data.source.ignore=[]"))
    read = reads(label_keys_of(source, tmp_path / "out"), source, ["dawn"])
    assert found(read.rows) == found(source.rows)
    assert len(read.rows) == 2


def test_a_recording_shorter_than_a_window_stays_complete(tmp_path: Path) -> None:
    write_audio(tmp_path / "own" / "dawn.wav")  # of 8 s
    (tmp_path / "own" / "calls.csv").write_text("recording_id,species,t_min,t_max\ndawn,owl,1,2\n")
    (tmp_path / "complete.csv").write_text("recording_id,t_min,t_max\nda*,0,8\n")
    config = config_of(tmp_path / "own", f"data.source.complete={tmp_path}/complete.csv")
    source = source_of(config)
    read = reads(label_keys_of(source, tmp_path / "out"), source, ["dawn"])
    window = (torch.zeros(1), torch.full((1,), 10.0))
    assert read.complete.windows("dawn", *window, 1).all()


def test_quiet_recordings_that_are_trained_on_are_not_scored_as_new(tmp_path: Path) -> None:
    for number, name in enumerate(("dawn", "quiet", "new")):
        sound = np.random.default_rng(number).uniform(-0.1, 0.1, 8 * 8000)
        soundfile.write(tmp_path / f"{name}.wav", sound, 8000)
    (tmp_path / "calls.csv").write_text("recording_id,species,t_min,t_max\ndawn,owl,1,2\n")
    (tmp_path / "complete.dat").write_text("recording_id\nquiet\n")
    words = [f"data.source.complete={tmp_path}/complete.dat", f"recordings={tmp_path}"]
    config = config_of(tmp_path, *words)
    found = unlabelled_of(config, source_of(config))
    assert (sorted(found.paths), sorted(found.labelled)) == (["new"], ["dawn", "quiet"])


def test_a_copy_of_a_labelled_recording_is_known_by_its_content(pond: Path, tmp_path: Path) -> None:
    for number, name in ((1, "b/pond_01"), (5, "1/pond_05")):
        folder = "labelled" if number < 4 else "archive"
        shutil.copy(pond / folder / f"{name}.wav", tmp_path / f"copy_{number}.wav")
    config = config_of(pond / "labelled", f"recordings={tmp_path}")
    found = unlabelled_of(config, source_of(config))
    assert (list(found.paths), list(found.labelled)) == (["copy_5"], ["copy_1"])
    lines = ["recording_id,path", f"gone,{tmp_path}/gone.wav", f"copy,{tmp_path}/copy_1.wav"]
    (tmp_path / "listed.csv").write_text("\n".join(lines))
    listed = config_of(pond / "labelled", f"recordings={tmp_path}/listed.csv")
    assert list(unlabelled_of(listed, source_of(listed)).paths) == ["gone"]  # reported when read


def test_an_empty_folder_of_test_recordings_has_none_to_score(tmp_path: Path) -> None:
    write_audio(tmp_path / "train" / "dawn.flac")
    (tmp_path / "test").mkdir()
    head = "recording_id,species_id,songtype_id,t_min,f_min,t_max,f_max\n"
    for name, start_s in (("train_tp", 1), ("train_fp", 3)):
        (tmp_path / f"{name}.csv").write_text(f"{head}dawn,0,1,{start_s},100,{start_s + 1},200\n")
    config = load_config("recipe", ["data=rfcx", f"data.root={tmp_path}"])
    assert unlabelled_of(config, source_of(config)) == Unlabelled()


def test_complete_labels_are_read_before_anything_is_trained(pond: Path, tmp_path: Path) -> None:
    path = tmp_path / "checked.csv"
    words = [f"recordings={pond}/archive", f"complete_labels={path}"]
    config = config_of(pond / "labelled", *words)
    path.write_text("recording_id,species,t_min,t_max\n0/pond_04,Reed frog,1,2\n")
    assert unlabelled_of(config, source_of(config)).truth == path
    path.write_text("recording_id,species,t_min,t_max\ndusk,Reed frog,1,2\n")
    with pytest.raises(ValueError, match=r"is about 'dusk'.*'0/pond_04', '1/pond_05'.*nothing to"):
        unlabelled_of(config, source_of(config))
    path.write_text("recording_id,species,t_min,t_max,present\n0/pond_04,Reed frog,1,2,0\n")
    with pytest.raises(ValueError, match="is partial"):
        unlabelled_of(config, source_of(config))
    path.write_text("recording_id,species,t_min,t_max\n0/pond_04,Reed frog,2,1\n")
    with pytest.raises(AnnotationError, match="line 2"):
        unlabelled_of(config, source_of(config))


def test_tables_that_only_the_data_can_read_are_written_in_the_usual_form(
    pond: Path, tmp_path: Path
) -> None:
    root = tmp_path / "own"
    (root / "audio").mkdir(parents=True)
    sounds = sorted((pond / "labelled").rglob("*.wav"))
    for path in sounds:
        (root / "audio" / path.name).symlink_to(path)
    lines = [(path.stem, name, 1.0, 2.0) for path in sounds for name in (*SPECIES, "nothing")]
    table = pd.DataFrame(lines, columns=pd.Index(["clip", "taxon", "from", "to"]))
    table.to_csv(root / "labels.csv", index=False)
    names = {"recording_id": "clip", "species": "taxon", "t_min": "from", "t_max": "to"}
    words = [f"data.source.columns.{field}={name}" for field, name in names.items()]
    words += ["data.source.ignore=[nothing]", "data.source.complete=true"]
    config = config_of(root, *words)
    source = source_of(config)
    keys = label_keys_of(source, tmp_path)
    ids = [f"audio/{path.stem}" for path in sounds]
    found = reads(keys, source, ids)
    columns = ["recording_id", "species_id", "t_min", "t_max", "f_min", "f_max", "present"]
    order = columns[:3]
    pd.testing.assert_frame_equal(
        found.rows[columns].sort_values(order, ignore_index=True),
        source.rows[columns].sort_values(order, ignore_index=True),
    )
    assert all(found.complete.whole(name, 6.0, len(SPECIES)).all() for name in ids)
    with pytest.raises(AnnotationError):
        read_annotations(root, source.species.names, recordings=ids)


def test_checkpoints_are_in_the_order_of_the_folds(pond: Path, tmp_path: Path) -> None:
    config = config_of(pond / "labelled")
    for fold in range(12):
        path = tmp_path / "folds" / f"fold_{fold}" / "checkpoints" / "best.ckpt"
        path.parent.mkdir(parents=True)
        path.touch()
    material = Material(config, source_of(config), Unlabelled(), tmp_path)
    folds = [path.parts[-3] for path in material.checkpoints]
    assert folds == [f"fold_{fold}" for fold in range(12)]
    assert material.scores == {}
    assert set(material.audio) == {"a/pond_00", "b/pond_01", "a/pond_02", "b/pond_03"}


def test_a_step_has_the_configuration_of_the_command(tmp_path: Path) -> None:
    values = {"scores": tmp_path / "a = b.parquet", "precision": 0.7}
    config = step_config("calibrate", tmp_path, oof="o.parquet", labels="l", **values)
    assert config.paths.output_dir == str(tmp_path)
    assert (config.scores, config.precision) == (str(tmp_path / "a = b.parquet"), 0.7)
    assert np.isclose(config.min_overlap, 0.5)
