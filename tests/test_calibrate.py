from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import expit, logit

from rfcx_audio.batch import Labels
from rfcx_audio.calibrate import goal_of, read_raw, write_calibrated
from rfcx_audio.config import load_config
from rfcx_audio.inference import (
    Calibration,
    Goal,
    JoinedScores,
    fit_calibration,
    prior_correction,
    read_known,
    read_scores,
    score_table,
    write_scores,
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
    tables = [score_table(f"r{n:03d}", starts_s, 6.0, scores[n]) for n in range(200)]
    shuffled = pd.concat(tables).sample(frac=1, random_state=0)
    write_scores(shuffled, tmp_path / "oof.parquet", MADE_WITH)
    write_scores(shuffled, tmp_path / "new.parquet", MADE_WITH | {"checkpoint": "best.ckpt"})
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


def known_of(joined: JoinedScores, truth: Path) -> Labels:
    return read_known(truth, joined.keys, len(joined.species), 0.5)


def test_rows_and_complete_truth_label_the_windows_they_speak_of(folder: Path) -> None:
    joined, _ = read_raw(str(folder / "oof.parquet"))
    partial = known_of(joined, folder)
    assert partial.known.sum() == 600
    calls = pd.read_csv(folder / "train_tp.csv")
    assert partial.target.sum() == len(calls)
    complete = known_of(joined, folder / "train_tp.csv")
    assert complete.known.all()
    assert torch.equal(complete.target, partial.target)
    first = calls.iloc[0]
    row = joined.keys.query("recording_id == @first.recording_id and t_min < @first.t_min")
    assert partial.target[row.index[-1], first["species_id"]] == 1


def test_a_threshold_has_one_goal() -> None:
    words = ["scores=s", "truth=t"]
    assert goal_of(load_config("calibrate", words)) == Goal("precision", 0.9)
    f_two = load_config("calibrate", [*words, "precision=null", "f_beta=2"])
    assert goal_of(f_two) == Goal("f_beta", 2.0)
    with pytest.raises(ValueError, match="give either precision"):
        goal_of(load_config("calibrate", [*words, "f_beta=2"]))


def test_calibrated_scores_say_how_and_a_prior_is_off_by_default_and_test_informed(
    folder: Path,
) -> None:
    joined, made_with = read_raw(str(folder / "oof.parquet"))
    calibration = fit_calibration(joined.scores[0], known_of(joined, folder), "isotonic")
    words = [f"scores={folder}/oof.parquet", f"truth={folder}", f"apply={folder}/new.parquet"]

    def written(*more: str) -> tuple[torch.Tensor, dict]:
        config = load_config("calibrate", [*words, *more])
        write_calibrated(config, calibration, made_with, folder / "out.parquet")
        table, told = read_scores(folder / "out.parquet")
        return torch.from_numpy(table[SPECIES].to_numpy(copy=True)), told

    plain, told = written()
    assert torch.equal(plain, calibration(joined.scores[0]))
    assert "prior_correction" not in told
    assert told["checkpoint"] == "best.ckpt"
    assert Calibration.from_dict(told["calibration"]) == calibration
    corrected, told = written(f"prior={folder}/prior.csv")
    prior = torch.linspace(0.01, 0.9, 24, dtype=torch.float64)
    expected = prior_correction(plain, prior, calibration.prevalence)
    torch.testing.assert_close(corrected, expected)
    assert told["prior_correction"]["test_informed"] is True
    with pytest.raises(ValueError, match="is calibrated already"):
        read_raw(str(folder / "out.parquet"))
    write_scores(read_scores(folder / "new.parquet")[0], folder / "new.parquet", {"pool": "mean"})
    with pytest.raises(ValueError, match="made with pool = mean"):
        written()


@pytest.mark.slow
def test_the_command_writes_calibration_thresholds_and_picture(folder: Path) -> None:
    words = [f"scores={folder}/oof.parquet", f"truth={folder}", f"apply={folder}/new.parquet"]
    words += ["precision=0.7", "resamples=50", f"hydra.run.dir={folder}/out"]
    command = [sys.executable, "-m", "rfcx_audio.calibrate", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "TEST-INFORMED" not in done.stdout
    line = next(line for line in done.stdout.splitlines() if " all " in line)
    numbers = [float(word) for word in line.replace("│", " ").split()[1:]]
    ece_before, log_loss_before, ece_after, log_loss_after = numbers
    assert ece_after < ece_before / 2
    assert log_loss_after < log_loss_before
    told = json.loads((folder / "out" / "calibration.json").read_text())
    calibration = Calibration.from_dict(told)
    assert len(calibration.species) == 24
    thresholds = pd.read_csv(folder / "out" / "thresholds.csv", keep_default_na=False)
    assert thresholds["species"].to_list() == SPECIES
    assert (thresholds["present"] + thresholds["absent"]).sum() == 600
    assert (folder / "out" / "reliability.png").stat().st_size > 10_000
    assert "calibration" in read_scores(folder / "out" / "scores.parquet")[1]
    done = subprocess.run(
        [*command[:-1], command[-1], "apply=null", f"prior={folder}/prior.csv"],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )
    assert done.returncode != 0
    assert "prior=… corrects the scores of apply=…" in done.stderr
