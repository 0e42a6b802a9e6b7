from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from own_tables import write_audio
from rfcx_audio.commands import recipe_steps
from rfcx_audio.commands.recipe_inputs import Material, Unlabelled
from rfcx_audio.commands.recipe_steps import (
    calibrate_scores,
    correct,
    evaluate_scores,
    score,
    train_folds,
)
from rfcx_audio.config import DictConfig, load_config
from rfcx_audio.data import TableFolder
from rfcx_audio.scores import Scores
from rfcx_audio.scoring.archive import RECORDINGS

NAMES = ("Reed frog", "Bog cricket")


def scores_of(first: str, present: np.ndarray, seed: int) -> Scores:
    """Two windows a recording: the first is high where a species is present, the second is low."""
    rng = np.random.default_rng(seed)
    values = np.clip(0.25 + 0.4 * present + rng.normal(0, 0.15, present.shape), 0, 1)
    parts = [
        Scores.of_windows(f"{first}{n:02d}", [0.0, 3.0], 3.0, [row, row / 4], {}, NAMES)
        for n, row in enumerate(values)
    ]
    return Scores.concatenate(parts)


@pytest.fixture
def material(tmp_path: Path) -> Material:
    """Out-of-fold scores of labelled recordings, and the mean of those of others, with truth."""
    rng = np.random.default_rng(0)
    known, true = rng.random((40, 2)) < 0.5, rng.random((30, 2)) < (0.2, 0.7)
    rows = [
        (f"a{n:02d}", name, 0.5, 1.5, int(known[n, s]))
        for n in range(40)
        for s, name in enumerate(NAMES)
    ]
    columns = pd.Index(["recording_id", "species", "t_min", "t_max", "present"])
    for n in range(40):
        write_audio(tmp_path / "own" / f"a{n:02d}.wav")
    pd.DataFrame(rows, columns=columns).to_csv(tmp_path / "own" / "labels.csv", index=False)
    calls = [(f"b{n:02d}", name) for n in range(30) for s, name in enumerate(NAMES) if true[n, s]]
    calls = pd.DataFrame(calls, columns=columns[:2]).assign(t_min=0.5, t_max=1.5)
    calls.to_csv(tmp_path / "every_call.csv", index=False)
    folder = tmp_path / "out"
    (folder / "folds").mkdir(parents=True)
    (folder / "scores").mkdir()
    metadata = {"pool": "max", "duration_s": 3.0}
    oof = replace(scores_of("a", known, 1), metadata=metadata)
    oof.write(folder / "folds" / "oof_scores.parquet")
    raw = replace(scores_of("b", true, 2), metadata=metadata)
    raw.write(folder / "scores" / "scores.parquet")
    for name in (RECORDINGS, "failures.csv"):
        (folder / "scores" / name).write_text("recording_id\n")
    config = load_config("recipe", ["data=table", f"data.root={tmp_path / 'own'}", f"out={folder}"])
    source = TableFolder(str(tmp_path / "own"), str(tmp_path / "own"))
    paths = {name: Path(f"{name}.wav") for name in raw.recordings}
    unlabelled = Unlabelled("archive", paths, truth=tmp_path / "every_call.csv")
    return Material(config, source, unlabelled, folder)


def test_scores_become_probabilities_prevalence_and_metrics(material: Material) -> None:
    folder = material.folder
    calibrate_scores(material, folder / "calibration")
    correct(material, folder / "prevalence")
    evaluate_scores(material, folder / "evaluation")
    raw, calibrated, corrected = (Scores.read(path) for path in material.scores.values())
    assert calibrated.metadata["calibration"]
    assert corrected.metadata["prior_correction"]["transductive"] is True
    submitted = pd.read_csv(folder / "prevalence" / "submission.csv").set_index("recording_id")
    np.testing.assert_allclose(submitted.to_numpy(), corrected.pool().values, atol=1e-6)
    metrics = pd.read_csv(folder / "evaluation" / "metrics.csv").set_index("scores")
    assert list(metrics.index[:3]) == list(material.scores)
    # A calibration of each species leaves the order of its recordings; so does a correction.
    assert metrics["auc"].iloc[:3].to_numpy() == pytest.approx(metrics["auc"].iloc[0])
    assert metrics["auc"].iloc[0] > 0.9
    assert (folder / "evaluation" / "prevalence.png").exists()
    assert (folder / "evaluation" / "truth" / "precision_recall.csv").exists()
    assert (folder / "calibration" / RECORDINGS).exists()
    assert len(raw) == len(calibrated) == len(corrected)


def test_without_recordings_to_score_there_are_a_calibration_and_metrics(
    material: Material,
) -> None:
    alone = replace(material, unlabelled=Unlabelled())
    calibrate_scores(alone, alone.folder / "calibration")
    evaluate_scores(alone, alone.folder / "evaluation")
    assert not (alone.folder / "calibration" / "scores.parquet").exists()
    found = sorted(path.name for path in (alone.folder / "evaluation").iterdir())
    assert found == ["out_of_fold"]


def test_truth_with_absences_is_no_complete_truth(material: Material) -> None:
    calibrate_scores(material, material.folder / "calibration")
    correct(material, material.folder / "prevalence")
    assert material.unlabelled.truth is not None
    table = pd.read_csv(material.unlabelled.truth).assign(present=0)
    table.to_csv(material.unlabelled.truth, index=False)
    with pytest.raises(ValueError, match="is partial: a true prevalence needs every call"):
        evaluate_scores(material, material.folder / "evaluation")


def kept_calls(monkeypatch: pytest.MonkeyPatch, names: list[str]) -> list[DictConfig]:
    """The configurations that steps call functions of `recipe_steps` with."""
    found: list[DictConfig] = []

    def keep(config: DictConfig) -> None:
        found.append(config)
        if "checkpoint" in config:
            place = Path(config.paths.output_dir)
            place.mkdir(parents=True)
            for name in (RECORDINGS, "failures.csv"):
                (place / name).touch()

    for name in names:
        at, _, last = name.rpartition(".")
        thing: Any = getattr(recipe_steps, at) if at else recipe_steps
        called: Callable[[DictConfig], None] = keep
        monkeypatch.setattr(thing, last, called)
    return found


def test_folds_are_trained_with_all_settings_but_the_recipes_own(
    material: Material, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = kept_calls(monkeypatch, ["crossval"])
    config = load_config("recipe", ["recordings=new", "precision=0.8", "seed=3"])
    train_folds(replace(material, config=config), material.folder / "folds")
    (called,) = calls
    assert (called.recordings, called.complete_labels, called.precision) == (None, None, None)
    assert called.folder == called.paths.output_dir == str(material.folder / "folds")
    assert (called.seed, called.trainer.limit_test_batches) == (3, 0)


def test_recordings_with_labels_are_named_and_not_scored(
    material: Material, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for fold in range(2):
        path = material.folder / "folds" / f"fold_{fold}" / "checkpoints" / "best.ckpt"
        path.parent.mkdir(parents=True)
        path.touch()
    calls = kept_calls(monkeypatch, ["predict.score", "ensemble.run"])
    paths, labelled = {"new, one": Path("x/new, one.wav")}, {"a00": Path("x/a00.wav")}
    score(
        replace(material, unlabelled=Unlabelled("x", paths, labelled)), material.folder / "scores"
    )
    *scored, joined = calls
    listed = pd.read_csv(scored[0].recordings)
    assert listed["recording_id"].tolist() == ["new, one"]
    assert [Path(one.checkpoint).parts[-3] for one in scored] == ["fold_0", "fold_1"]
    assert [Path(one).parts[-2] for one in joined.scores] == ["fold_0", "fold_1"]
    assert "1 of the 2 recordings in x have labels and are left out" in caplog.text
