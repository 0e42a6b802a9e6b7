from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import expit, logit

from preloaded import run_module
from rfcx_audio.batch import Labels
from rfcx_audio.commands.calibrate import calibrated, goal_of, read_raw
from rfcx_audio.config import load_config
from rfcx_audio.data import read_annotations
from rfcx_audio.scores import (
    Calibration,
    Goal,
    Scores,
    fit_calibration,
    label_keys,
    prior_correction,
)

MADE_WITH = {"pool": "max", "duration_s": 6.0}
SPECIES = [f"s{n}" for n in range(24)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Overconfident scores of 200 recordings of two windows, and the rows of 600 cells."""
    rng = np.random.default_rng(0)
    true = expit(rng.normal(0, 1, (200, 2, 24)))
    scores = expit(3 * logit(true)).astype("float32")
    starts_s = np.array([0.0, 6.0])
    parts = [Scores.of_windows(f"r{n:03d}", starts_s, 6.0, scores[n]) for n in range(200)]
    shuffled = Scores.concatenate(parts).rows(rng.permutation(400))
    replace(shuffled, metadata=MADE_WITH).write(tmp_path / "oof.parquet")
    replace(shuffled, metadata=MADE_WITH | {"checkpoint": "best.ckpt"}).write(
        tmp_path / "new.parquet"
    )
    cells = rng.permutation(200 * 2 * 24)[:600]
    recording, window, species = np.unravel_index(cells, true.shape)
    rows = pd.DataFrame(
        {
            "recording_id": [f"r{n:03d}" for n in recording],
            "species_id": species,
            "songtype_id": 1,
            "t_min": 6.0 * window + 2,
            "f_min": 100.0,
            "t_max": 6.0 * window + 3,
            "f_max": 200.0,
        }
    )
    present = rng.random(600) < true[recording, window, species]
    rows[present].to_csv(tmp_path / "train_tp.csv", index=False)
    rows[~present].to_csv(tmp_path / "train_fp.csv", index=False)
    prior = pd.DataFrame({"species_id": range(24), "prior": np.linspace(0.01, 0.9, 24)})
    prior.to_csv(tmp_path / "prior.csv", index=False)
    return tmp_path


def labels_of(scores: Scores, place: Path) -> Labels:
    return label_keys(scores.keys, len(scores.species), read_annotations(place, 24), 0.5)


def test_rows_and_complete_truth_label_windows(folder: Path) -> None:
    scores = read_raw(str(folder / "oof.parquet"))
    partial = labels_of(scores, folder)
    assert partial.known.sum() == 600
    calls = pd.read_csv(folder / "train_tp.csv")
    assert partial.target.sum() == len(calls)
    calls.to_csv(folder / "truth.csv", index=False)
    complete = labels_of(scores, folder / "truth.csv")
    assert complete.known.all()
    assert torch.equal(complete.target, partial.target)
    first = calls.iloc[0]
    row = scores.keys.query("recording_id == @first.recording_id and t_min < @first.t_min")
    assert partial.target[row.index[-1], first["species_id"]] == 1


def test_a_threshold_has_one_goal() -> None:
    words = ["oof=s", "labels=t"]
    assert goal_of(load_config("calibrate", words)) == Goal("precision", 0.9)
    f_two = load_config("calibrate", [*words, "precision=null", "f_beta=2"])
    assert goal_of(f_two) == Goal("f_beta", 2.0)
    with pytest.raises(ValueError, match="give either precision"):
        goal_of(load_config("calibrate", [*words, "f_beta=2"]))


def test_calibrated_scores_state_how_and_a_prior_is_off_by_default_and_test_informed(
    folder: Path,
) -> None:
    oof = read_raw(str(folder / "oof.parquet"))
    calibration = fit_calibration(oof.tensor, labels_of(oof, folder), "isotonic")
    words = [f"oof={folder}/oof.parquet", f"labels={folder}", f"scores={folder}/new.parquet"]

    def written(*more: str) -> tuple[torch.Tensor, dict]:
        config = load_config("calibrate", [*words, *more])
        calibrated(config, calibration, oof).write(folder / "out.parquet")
        again = Scores.read(folder / "out.parquet")
        return again.tensor, again.metadata

    plain, metadata = written()
    assert torch.equal(plain, calibration(oof.tensor))
    assert "prior_correction" not in metadata
    assert metadata["checkpoint"] == "best.ckpt"
    assert Calibration.from_dict(metadata["calibration"]) == calibration
    corrected, metadata = written(f"prior={folder}/prior.csv")
    prior = torch.linspace(0.01, 0.9, 24, dtype=torch.float64)
    expected = prior_correction(plain, prior, calibration.prevalence)
    torch.testing.assert_close(corrected, expected)
    assert metadata["prior_correction"]["test_informed"] is True
    with pytest.raises(ValueError, match="is corrected to a prior already"):
        read_raw(str(folder / "out.parquet"))
    mean = replace(Scores.read(folder / "new.parquet"), metadata={"pool": "mean"})
    mean.write(folder / "new.parquet")
    with pytest.raises(ValueError, match="made with pool = mean"):
        written()


@pytest.mark.slow
def test_the_command_writes_calibration_thresholds_and_picture(folder: Path) -> None:
    words = [f"oof={folder}/oof.parquet", f"labels={folder}", f"scores={folder}/new.parquet"]
    words += ["precision=0.7", "num_bootstrap=50", f"hydra.run.dir={folder}/out"]
    done = run_module("rfcx_audio.calibrate", *words, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "TEST-INFORMED" not in done.stdout
    line = next(line for line in done.stdout.splitlines() if " all " in line)
    numbers = [float(word) for word in line.replace("│", " ").split()[1:]]
    ece_before, log_loss_before, ece_after, log_loss_after = numbers
    assert ece_after < ece_before / 2
    assert log_loss_after < log_loss_before
    described = json.loads((folder / "out" / "calibration.json").read_text())
    calibration = Calibration.from_dict(described)
    assert len(calibration.species) == 24
    thresholds = pd.read_csv(folder / "out" / "thresholds.csv", keep_default_na=False)
    assert thresholds["species"].to_list() == SPECIES
    assert (thresholds["present"] + thresholds["absent"]).sum() == 600
    assert (folder / "out" / "reliability.png").stat().st_size > 10_000
    assert "calibration" in Scores.read(folder / "out" / "scores.parquet").metadata
    words += ["scores=null", f"prior={folder}/prior.csv"]
    done = run_module("rfcx_audio.calibrate", *words, cwd=folder)
    assert done.returncode != 0
    assert "prior=… corrects the scores of scores=…" in done.stderr
