from __future__ import annotations

import ast
import hashlib
import json
import shutil
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import pytest
import soundfile

import rfcx_audio.data.synthetic as room
from rfcx_audio.data import rfcx_templates
from rfcx_audio.data.synthetic import plan_rainforest, write, write_rainforest

BOX = ["recording_id", "species_id", "songtype_id", "t_min", "f_min", "t_max", "f_max"]

BOXES = rfcx_templates()


def digests(root):
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def test_the_layout_is_that_of_rfcx(small_forest, small_recipe):
    assert {path.name for path in small_forest.iterdir()} == {
        *("train", "test", "train_tp.csv", "train_fp.csv", "sample_submission.csv"),
        *("truth.csv", "rainforest.json"),
    }
    tables = {path.stem: pd.read_csv(path) for path in small_forest.glob("*.csv")}
    assert list(tables["train_tp"]) == list(tables["train_fp"]) == BOX
    assert list(tables["truth"]) == ["split", *BOX, "snr_db", "individual"]
    assert list(tables["sample_submission"]) == ["recording_id", *(f"s{i}" for i in range(24))]
    train, test = ({p.stem for p in (small_forest / s).glob("*.flac")} for s in ("train", "test"))
    assert (len(train), len(test)) == (small_recipe.num_train, small_recipe.num_test)
    assert set(tables["train_tp"].recording_id) | set(tables["train_fp"].recording_id) <= train
    assert set(tables["sample_submission"].recording_id) == test
    truth = tables["truth"]
    assert set(truth[truth.split == "test"].recording_id) <= test


def test_recordings_are_mono_flac_of_16_bit_and_exact_length(small_forest, small_recipe):
    for path in small_forest.glob("*/*.flac"):
        info = soundfile.info(path)
        assert (info.format, info.subtype, info.channels) == ("FLAC", "PCM_16", 1)
        assert info.samplerate == small_recipe.sample_rate
        assert info.frames == small_recipe.duration_s * small_recipe.sample_rate


def test_the_tables_are_those_of_the_plan(small_forest, small_recipe):
    plan = plan_rainforest(small_recipe, BOXES)
    for name in ("train_tp", "train_fp", "truth", "sample_submission"):
        written = pd.read_csv(small_forest / f"{name}.csv", dtype={"recording_id": str})
        pd.testing.assert_frame_equal(written, getattr(plan, name))


def test_the_recipe_is_kept_beside_the_data(small_forest, small_recipe):
    kept = json.loads((small_forest / "rainforest.json").read_text())
    assert kept["version"] == version("rfcx-audio")
    assert kept["recipe"] == {
        **vars(small_recipe),
        "snr_db": [6.0, 24.0],
        "call_gap_s": [3.0, 20.0],
    }


def test_the_same_recipe_makes_the_same_bytes_with_any_number_of_workers(
    small_forest, small_recipe, tmp_path
):
    write_rainforest(tmp_path / "again", small_recipe, BOXES, workers=3, progress=False)
    assert digests(tmp_path / "again") == digests(small_forest)


def test_a_forest_that_is_there_is_left_as_it_is(small_forest, small_recipe, monkeypatch):
    monkeypatch.setattr(write, "plan_rainforest", None)
    before = digests(small_forest)
    write_rainforest(small_forest, small_recipe, BOXES)
    write_rainforest(small_forest, replace(small_recipe, snr_db=[6.0, 24.0]), BOXES)  # as from YAML
    assert digests(small_forest) == before


def test_a_forest_from_before_a_setting_is_one_of_its_default(small_recipe, tmp_path):
    made = asdict(small_recipe)
    assert made.pop("wrong_tp_share") == 0
    (tmp_path / "rainforest.json").write_text(json.dumps({"recipe": made}))
    write_rainforest(tmp_path, small_recipe, BOXES)
    assert [path.name for path in tmp_path.iterdir()] == ["rainforest.json"]
    with pytest.raises(ValueError, match=r"another recipe, with \{'wrong_tp_share': 0.0\}"):
        write_rainforest(tmp_path, replace(small_recipe, wrong_tp_share=0.1), BOXES)


def test_a_forest_of_another_recipe_is_refused(small_forest, small_recipe):
    with pytest.raises(ValueError, match=r"another recipe, with \{'seed': 3\}; delete it"):
        write_rainforest(small_forest, replace(small_recipe, seed=4), BOXES)


def test_a_folder_with_something_else_is_refused(small_recipe, tmp_path):
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(FileExistsError, match="holds no rainforest"):
        write_rainforest(tmp_path, small_recipe, BOXES)


def test_two_runs_may_make_the_same_forest_at_once(
    small_forest, small_recipe, tmp_path, monkeypatch
):
    root = tmp_path / "both"
    monkeypatch.setattr(  # the other run is done first
        write, "_write_recordings", lambda *_: shutil.copytree(small_forest, root)
    )
    write_rainforest(root, small_recipe, BOXES, progress=False)
    assert digests(root) == digests(small_forest)
    assert list(tmp_path.iterdir()) == [root]


def test_of_two_different_forests_at_once_the_second_is_refused(
    small_forest, small_recipe, tmp_path, monkeypatch
):
    root = tmp_path / "both"
    monkeypatch.setattr(write, "_write_recordings", lambda *_: shutil.copytree(small_forest, root))
    with pytest.raises(ValueError, match=r"another recipe, with \{'seed': 3\}; delete it"):
        write_rainforest(root, replace(small_recipe, seed=4), BOXES, progress=False)
    assert digests(root) == digests(small_forest)
    assert list(tmp_path.iterdir()) == [root]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("workers", [1, 2])
def test_interrupted_writing_leaves_nothing_behind(
    small_recipe, tmp_path, monkeypatch, error, workers
):
    written = []

    def fail_at_the_third(root, recipe, scene):
        written.append(root)
        (root / scene.split / f"{scene.recording_id}.flac").touch()
        if len(written) >= 3:
            raise error

    monkeypatch.setattr(write, "_write_recording", fail_at_the_third)
    with pytest.raises(error):
        write_rainforest(tmp_path / "forest", small_recipe, BOXES, workers, progress=False)
    assert len(written) >= 3
    assert not list(tmp_path.iterdir())


def test_an_empty_folder_may_be_filled_and_parents_are_made(tmp_path, small_recipe):
    recipe = replace(small_recipe, num_train=0, num_test=1, tp_per_species=0, fp_per_species=0)
    root = tmp_path / "some" / "where"
    write_rainforest(root, recipe, BOXES, 1, progress=True)
    assert (root / "truth.csv").is_file()
    (tmp_path / "empty").mkdir()
    write_rainforest(tmp_path / "empty", recipe, BOXES, 1, progress=False)
    assert (tmp_path / "empty" / "rainforest.json").is_file()


def test_the_room_imports_no_torch():
    for path in Path(room.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                assert not any(alias.name.startswith("torch") for alias in node.names)
            if isinstance(node, ast.ImportFrom):
                assert not (node.module or "").startswith("torch")
