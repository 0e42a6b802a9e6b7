from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from quick import words
from rfcx_audio.config import DictConfig, load_config
from rfcx_audio.data import FrameScores, unlabelled_recordings
from rfcx_audio.experiment import folds as folds_module
from rfcx_audio.experiment import relabel
from rfcx_audio.experiment import rounds as rounds_module
from rfcx_audio.experiment.folds import held_out_recordings, load_data
from rfcx_audio.experiment.teachers import SOFT
from rfcx_audio.scores import Scores

STARTS_S = np.arange(0.0, 10.0, 3.0)


def soft(forest: Path, folder: Path, *more: str) -> DictConfig:
    overrides = [
        "labelling=soft",
        "data.folds.num_folds=4",
        f"data.folds.file={folder}/folds_file.csv",
        f"folder={folder}",
        "callbacks.report.num_pictures=0",
        *more,
    ]
    return load_config("relabel", words(forest, folder / "out", *overrides))


class Runs:
    """Stand in for training: they keep the configurations, and teachers score as their number."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.configs: dict[str, DictConfig] = {}
        self.scored: dict[str, set[str]] = {}
        self.last = ""
        monkeypatch.setattr(folds_module, "train_run", self.train_run)
        monkeypatch.setattr(rounds_module, "train_run", self.train_run)
        monkeypatch.setattr(folds_module, "load_recogniser", lambda *_, **__: self)

    def train_run(self, config: DictConfig) -> SimpleNamespace:
        folder = Path(config.paths.output_dir)
        folder.mkdir(parents=True)
        self.last = f"{folder.parent.name}/{folder.name}"
        self.configs[self.last] = config
        return SimpleNamespace(strategy=SimpleNamespace(root_device="cpu"))

    def to(self, device: Any) -> Runs:
        return self

    def frames(self, paths: dict[str, Path]) -> tuple[Scores, dict[str, FrameScores]]:
        self.scored[self.last] = set(paths)
        value = int(self.last[-1]) / 10
        values = np.full((len(STARTS_S), 24), value)
        tables = [Scores.of_windows(name, STARTS_S, 3.0, values) for name in paths]
        frames = {name: FrameScores(STARTS_S, 3.0, values[:, None]) for name in paths}
        return Scores.concatenate(tables), frames


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Runs:
    return Runs(monkeypatch)


@pytest.mark.parametrize("judge", [0, 2])
def test_no_recording_of_the_judging_fold_was_in_any_teachers_training(
    judge: int, forest: Path, tmp_path: Path, runs: Runs
) -> None:
    config = soft(forest, tmp_path, "rounds=2", f"data.folds.held_out={judge}")
    relabel(config)
    judging = set(held_out_recordings(load_data(config), judge))
    teachers = [name for name in runs.configs if name.startswith("round_")]
    others = [fold for fold in range(4) if fold != judge]
    assert teachers == [f"round_{number}/fold_{fold}" for number in (1, 2) for fold in others]
    for name in runs.configs:
        data = load_data(runs.configs[name])
        learned = set(data.drawn["recording_id"])  # rows, and recordings with soft labels
        assert learned
        assert not learned & judging, name
        if name in teachers:
            held_out = set(held_out_recordings(data, data.folds.held_out))
            assert not learned & held_out
            assert runs.scored[name] == held_out | unlabelled_recordings(data.corpus, data.folds)
            assert not set(data.split.val_recordings) & judging
    final = load_data(runs.configs[f"{tmp_path.name}/final_2"])
    assert set(final.split.val_recordings) == judging
    assert not set(final.teachers_saw) & judging
    assert "saw the labels" not in final.summary()


def test_soft_labels_are_of_the_teacher_that_held_a_recording_out_or_the_mean_of_all(
    forest: Path, tmp_path: Path, runs: Runs
) -> None:
    config = soft(forest, tmp_path, "student={data.crops.soft.power: 3.0}")
    relabel(config)
    found = Scores.read(tmp_path / "round_1" / SOFT)
    fold = pd.read_csv(tmp_path / "folds_file.csv").set_index("recording_id")["fold"]
    expected = found.keys["recording_id"].map(fold / 10).fillna(0.2)  # the mean of 1, 2 and 3
    np.testing.assert_allclose(found.values[:, 5], expected, atol=1e-6)
    (line,) = pd.read_csv(tmp_path / "rounds.csv").to_dict("records")
    assert line == {"round": 1, "recordings": len(found.recordings), "stretches": len(found)}
    final = runs.configs[f"{tmp_path.name}/final_1"]
    assert final.data.crops.soft == {
        "_target_": "rfcx_audio.data.SoftRecipe",
        "file": str(tmp_path / "round_1" / SOFT),
        "power": 3.0,
        "weight": config.data.crops.soft.weight,
    }
    first = runs.configs["round_1/fold_1"]
    assert first.data.crops.soft == config.data.crops.soft  # a first teacher is no student


def test_given_teachers_are_averaged_and_may_have_seen_what_is_held_out(
    forest: Path, tmp_path: Path, runs: Runs
) -> None:
    data = load_data(soft(forest, tmp_path))
    names, order = sorted(data.corpus.train.paths), list(data.species)[::-1]
    for number in (1, 2):
        tables = [
            Scores.of_windows(name, [0.0, 3.0], 3.0, np.full((2, 24), number / 10), species=order)
            for name in names
        ]
        Scores.concatenate(tables).write(tmp_path / f"{number}.parquet")
    given = f"teachers=[{tmp_path}/1.parquet,{tmp_path}/2.parquet]"
    relabel(soft(forest, tmp_path, given))
    assert list(runs.configs) == [f"{tmp_path.name}/final_1"]  # nothing but the student is trained
    found = Scores.read(tmp_path / "round_1" / SOFT)
    assert found.species == data.species
    np.testing.assert_allclose(found.values, 0.15, atol=1e-6)
    student = load_data(runs.configs[f"{tmp_path.name}/final_1"])
    assert set(student.teachers_saw) == set(student.corpus.labelled["recording_id"])
    assert "out-of-fold" in student.summary()


def test_teachers_are_given_for_soft_labels_only(forest: Path, tmp_path: Path, runs: Runs) -> None:
    with pytest.raises(ValueError, match="set labelling=soft"):
        relabel(soft(forest, tmp_path, "teachers=[some.ckpt]", "labelling=confident"))
