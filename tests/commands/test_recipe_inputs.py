from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pond import SPECIES, write_pond
from rfcx_audio.commands.recipe_inputs import (
    Material,
    Unlabelled,
    keep_rows,
    label_keys_of,
    source_of,
    step_config,
    unlabelled_of,
)
from rfcx_audio.config import DictConfig, load_config
from rfcx_audio.data import AnnotationError, read_annotations


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


def test_labels_that_change_are_refused_with_their_numbers(tmp_path: Path) -> None:
    names = ["recording_id", "species_id", "t_min", "t_max", "f_min", "f_max", "present"]
    rows = pd.DataFrame([("a", 0, 0.0, 1.0, 100.0, 200.0, True)] * 3, columns=pd.Index(names))
    keep_rows(tmp_path, rows, "mine")
    keep_rows(tmp_path, rows, "elsewhere")
    with pytest.raises(ValueError, match=r"data.root=mine have changed .*3 rows then, 2 rows now"):
        keep_rows(tmp_path, rows.iloc[:2], "mine")
    with pytest.raises(ValueError, match="have changed"):
        keep_rows(tmp_path, rows.assign(present=False), "mine")


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
    keys = label_keys_of(config, source, tmp_path)
    ids = [f"audio/{path.stem}" for path in sounds]
    read = (keys["labels"], source.species.names, keys["species"])
    found = read_annotations(*read, recordings=ids, complete=keys["complete"])
    columns = ["recording_id", "species_id", "t_min", "t_max", "f_min", "f_max", "present"]
    order = columns[:3]
    pd.testing.assert_frame_equal(
        found.rows[columns].sort_values(order, ignore_index=True),
        source.rows[columns].sort_values(order, ignore_index=True),
    )
    assert all(found.complete.whole(name, 6.0, len(SPECIES)).all() for name in ids)
    with pytest.raises(AnnotationError):
        read_annotations(root, source.species.names, recordings=ids)


def test_usual_tables_are_read_where_they_are(pond: Path, tmp_path: Path) -> None:
    config = config_of(pond / "labelled")
    keys = label_keys_of(config, source_of(config), tmp_path)
    assert keys == {"labels": str(pond / "labelled"), "species": None, "complete": None}
    assert not list(tmp_path.iterdir())


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
