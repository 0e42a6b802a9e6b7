from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import noise_runs
import stores
from own_tables import Call, as_csv, write_audio
from quick import words
from rfcx_audio.config import DictConfig, load_config
from rfcx_audio.data import RfcxFolder
from rfcx_audio.experiment import crossval, relabel, with_spread
from rfcx_audio.experiment import folds as folds_module
from rfcx_audio.experiment.folds import (
    OUT_OF_FOLD,
    check_scored,
    continued,
    folds_of,
    held_out_recordings,
    load_data,
    shared_by_folds,
)
from rfcx_audio.experiment.settle import settle
from rfcx_audio.scores import Scores
from rfcx_audio.scoring import load_recogniser

COLUMNS = ["recording", "species", "t_min", "t_max", "f_min", "f_max"]


def test_mean_and_spread_stand_below_the_folds() -> None:
    table = with_spread(pd.DataFrame({"fold": [0, 1, 2], "val/auc": [0.5, 0.6, 0.7]}))
    assert table["fold"].to_list() == ["0", "1", "2", "mean", "spread"]
    np.testing.assert_allclose(table["val/auc"], [0.5, 0.6, 0.7, 0.6, 0.1])


def test_a_run_goes_on_from_its_last_epoch_where_there_is_one(tmp_path: Path) -> None:
    config = load_config("crossval", [f"paths.output_dir={tmp_path}"])
    run = continued(config, tmp_path / "fold_1", {"data.folds.held_out": 1})
    assert run.resume is None
    assert run.callbacks.best.dirpath == f"{tmp_path}/fold_1/checkpoints"
    assert (run.data.folds.held_out, config.data.folds.held_out) == (1, 0)
    last = tmp_path / "fold_1" / "checkpoints" / "last.ckpt"
    last.parent.mkdir(parents=True)
    last.touch()
    assert continued(config, tmp_path / "fold_1", {}).resume == str(last)


def quick(forest: Path, folder: Path) -> DictConfig:
    two_folds = ["data.folds.num_folds=2", f"data.folds.file={folder}/folds_file.csv"]
    more = ["callbacks.report.num_pictures=0", "trainer.max_epochs=1"]
    return load_config("crossval", words(forest, folder, *two_folds, *more))


def test_every_recording_is_held_out_once(forest: Path, tmp_path: Path) -> None:
    data = load_data(quick(forest, tmp_path))
    first, second = (held_out_recordings(data, fold) for fold in range(2))
    assert set(first) | set(second) == set(data.corpus.rows["recording_id"])
    assert not set(first) & set(second)


def test_folds_hold_the_recordings_that_are_complete_without_a_row(tmp_path: Path) -> None:
    calls = [Call(name, "Owl", 1.0, 2.0, 500.0, 900.0) for name in ("a", "b")]
    (tmp_path / "calls.csv").write_text("\n".join(as_csv(calls, COLUMNS, ",")))
    for name in ("a", "b", "c", "d"):
        write_audio(tmp_path / f"{name}.wav")
    own = ["data=table", f"data.root={tmp_path}", "data.folds.num_folds=2"]
    (tmp_path / "complete.dat").write_text("recording_id\nc\nd\n")
    own += [f"data.source.complete={tmp_path}/complete.dat", "data.source.audio=${data.root}"]
    folder = tmp_path / "runs"
    data = load_data(shared_by_folds(load_config("crossval", own), folder))
    assert folds_of(data) == 2
    data.split.check()
    held_out = [set(held_out_recordings(data, fold)) for fold in range(2)]
    assert sorted(name for fold in held_out for name in fold) == ["a", "b", "c", "d"]


@pytest.mark.parametrize(("root", "more"), [("crossval", []), ("relabel", ["rounds=1"])])
def test_folds_need_two_recordings(root: str, more: list[str], tmp_path: Path) -> None:
    noise_runs.write_labels(tmp_path / "data", [("dawn", "Wren", 1), ("dawn", "Rail", 0)])
    config = load_config(root, [*noise_runs.words(tmp_path), *more])
    with pytest.raises(ValueError, match="two folds need two recordings"):
        (crossval if root == "crossval" else relabel)(config)


def test_each_fold_takes_its_bands_from_its_own_few_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lows = {"a": 300.0, "b": 350.0, "c": 400.0, "d": 450.0}
    calls = [Call(name, "Owl", 1.0, 2.0, low, low + 400) for name, low in lows.items()]
    (tmp_path / "calls.csv").write_text("\n".join(as_csv(calls, COLUMNS, ",")))
    for name in lows:
        write_audio(tmp_path / f"{name}.wav")
    own = ["data=table", f"data.root={tmp_path}", "data.source.audio=${data.root}"]
    own += ["data.folds.num_folds=2", "data.rows_per_species=1", f"out={tmp_path / 'folds'}"]
    config = load_config("crossval", own)
    shared = shared_by_folds(config, tmp_path / "folds")
    for fold in range(2):
        run = settle(continued(shared, tmp_path, {"data.folds.held_out": fold}))
        (row,) = load_data(run).train_rows.to_dict("records")
        (band,) = run.data.templates
        assert (band.f_min, band.f_max) == (row["f_min"], row["f_max"])
        assert (run.data.f_min, run.data.f_max) == (shared.data.f_min, shared.data.f_max)


def test_labels_that_change_in_the_middle_are_refused(
    forest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(folds_module, "train_fold", interrupted)
    config = quick(forest, tmp_path)
    with pytest.raises(KeyboardInterrupt):
        crossval(config)
    monkeypatch.setattr(RfcxFolder, "rows", RfcxFolder(str(forest)).rows.iloc[1:])
    with pytest.raises(ValueError, match=r"have changed since .* was begun"):
        crossval(config)


def test_folds_that_cannot_be_scored_are_named(tmp_path: Path) -> None:
    nothing = Scores.of_windows("", [], 1.0, np.empty((0, 2)), {"failures": {"dawn": "torn"}})
    with pytest.raises(ValueError, match="holds out could be scored; the first, dawn: torn"):
        check_scored(nothing, tmp_path)


@pytest.mark.slow
# A run that goes on writes where it was; Lightning warns of it.
@pytest.mark.filterwarnings("ignore:Experiment logs directory", "ignore:Checkpoint directory")
def test_folds_are_scored_by_models_that_have_not_seen_them_and_only_once(
    forest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = quick(forest, tmp_path)
    assert crossval(config) == tmp_path
    scores = Scores.read(tmp_path / "oof_scores.parquet")
    data = load_data(config)
    assert set(scores.recordings) == set(data.corpus.rows["recording_id"])
    stated = {"overlap": 0.5, "pool": "max", "duration_s": 3.0, "sample_rate": 48000}
    assert scores.metadata.items() >= stated.items()
    assert set(scores.metadata["about"]) == set(scores.species)
    table = pd.read_csv(tmp_path / "folds.csv")
    metrics = json.loads((tmp_path / "fold_1" / "metrics.json").read_text())
    assert table["test/lwlrap"][1] == pytest.approx(metrics["test/lwlrap"])
    means = json.loads((tmp_path / "metrics.json").read_text())
    assert means["val/auc"] == pytest.approx(table["val/auc"].mean())

    # Whoever comes back after the second fold's training was cut short trains only that one, on.
    trained = []
    train_run = folds_module.train_run

    def watched(config: DictConfig) -> object:
        trained.append((config.data.folds.held_out, config.resume))
        return train_run(config)

    monkeypatch.setattr(folds_module, "train_run", watched)
    crossval(config)
    assert trained == []
    for name in ("finished", "oof_scores.parquet"):
        (tmp_path / "fold_1" / name).unlink()
    last = tmp_path / "fold_1" / "checkpoints" / "last.ckpt"
    crossval(config)
    assert trained == [(1, str(last))]
    assert torch.load(last, weights_only=True)["epoch"] == 0  # there was no epoch left to train
    again = Scores.read(tmp_path / "oof_scores.parquet")
    pd.testing.assert_frame_equal(again.frame(), scores.frame())


def test_folds_of_stored_features_are_scored_from_the_store(tmp_path: Path) -> None:
    root = stores.write_data(tmp_path / "data", 6)
    store = stores.write_store(root, stores.recordings(root), stores.frontend(root))
    paths = stores.recordings(root)
    folder = crossval(load_config("crossval", [*stores.words(root), f"out={tmp_path / 'folds'}"]))
    scores = Scores.read(folder / OUT_OF_FOLD)
    assert sorted(scores.recordings) == [f"audio/{name}" for name in sorted(store.places)]
    for fold in range(2):
        best = folder / f"fold_{fold}" / "checkpoints" / "best.ckpt"
        own = Scores.read(folder / f"fold_{fold}" / OUT_OF_FOLD)
        model = load_recogniser(best, encoder=stores.encoder(root))
        names = {name: name.removeprefix("audio/") for name in own.recordings}
        direct = model.score({name: paths[there] for name, there in names.items()})
        assert own.keys.equals(direct.keys)
        np.testing.assert_allclose(own.values, direct.values, atol=1e-5)
