from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import expit

from rfcx_audio.config import DictConfig, load_config
from rfcx_audio.inference import pool_table, read_scores, score_table, write_scores
from rfcx_audio.prevalence import estimates_of, true_prevalence

FREQUENT = np.array([0.8, 0.1])


def scored(names: list[str], present: np.ndarray, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    tables = []
    for name, there in zip(names, present, strict=True):
        scores = expit(rng.normal(-3, 0.5, (4, 2)) + 5 * there)
        tables.append(score_table(name, np.arange(4) * 6.0, 6.0, scores))
    return pd.concat(tables, ignore_index=True)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Known scores with rows, unlabelled scores, and their truth."""
    present = np.arange(150)[:, None] < FREQUENT * 150
    names = [f"u{n}" for n in range(150)]
    write_scores(scored(names, present, 1), tmp_path / "scores.parquet", {"pool": "max"})
    where, species = np.nonzero(present)
    calls = pd.DataFrame({"recording_id": [names[n] for n in where], "species_id": species})
    calls.to_csv(tmp_path / "truth.csv", index=False)
    known = np.arange(80) < 40
    oof = [f"k{n}" for n in range(80)]
    both = np.repeat(known[:, None], 2, 1)
    write_scores(scored(oof, both, 2), tmp_path / "oof.parquet", {"pool": "max"})
    box = {"songtype_id": 1, "t_min": 7.0, "f_min": 100.0, "t_max": 8.0, "f_max": 200.0}
    for name, said in (("tp", known), ("fp", ~known)):
        told = [
            {"recording_id": r, "species_id": s, **box} for r in np.array(oof)[said] for s in (0, 1)
        ]
        pd.DataFrame(told).to_csv(tmp_path / f"train_{name}.csv", index=False)
    return tmp_path


def config_of(place: Path, *words: str) -> DictConfig:
    known = [f"known_scores={place}/oof.parquet", f"rows={place}"]
    return load_config("prevalence", [f"scores={place}/scores.parquet", *(words or known)])


def test_true_prevalence_counts_recordings_once_and_only_those_that_are_scored(
    tmp_path: Path,
) -> None:
    calls = {"recording_id": ["a", "a", "b", "other"], "species_id": [1, 1, 1, 2]}
    pd.DataFrame(calls).to_csv(tmp_path / "truth.csv", index=False)
    found = true_prevalence(tmp_path / "truth.csv", ["a", "b", "c", "d"], 3)
    assert found.tolist() == [0, 0.5, 0]


def test_estimates_come_from_known_scores_or_from_a_table_that_was_written(place: Path) -> None:
    pooled = pool_table(read_scores(place / "scores.parquet")[0], "max")
    values = torch.from_numpy(pooled[["s0", "s1"]].to_numpy(copy=True))
    made = estimates_of(config_of(place), values, "max")
    np.testing.assert_allclose(made.estimate, FREQUENT, atol=0.06)
    table = pd.DataFrame({name: value.numpy() for name, value in made._asdict().items()})
    table.insert(0, "species_id", [0, 1])
    table[::-1].to_csv(place / "prevalence.csv", index=False)
    read = estimates_of(config_of(place, f"prevalence={place}/prevalence.csv"), values, "max")
    torch.testing.assert_close(read.low, made.low)
    twice = f"prevalence=[{place}/prevalence.csv,{place}/prevalence.csv]"
    torch.testing.assert_close(estimates_of(config_of(place, twice), values, "max").high, made.high)
    with pytest.raises(ValueError, match="2 species, the scores 3"):
        estimates_of(
            config_of(place, f"prevalence={place}/prevalence.csv"), torch.rand(4, 3), "max"
        )


def test_what_does_not_go_together_is_refused(place: Path) -> None:
    for words in (["rows=."], ["rows=.", "known_scores=k", "prevalence=p"], ["seed=1"]):
        with pytest.raises(ValueError, match="give either known_scores"):
            estimates_of(config_of(place, *words), torch.rand(4, 2), "max")
    with pytest.raises(ValueError, match="predict with pool=max"):
        estimates_of(config_of(place), torch.rand(4, 2), "mean")


@pytest.mark.slow
def test_the_command_corrects_the_scores_and_marks_them(place: Path) -> None:
    command = [
        *(sys.executable, "-m", "rfcx_audio.prevalence", f"scores={place}/scores.parquet"),
        *(f"known_scores={place}/oof.parquet", f"rows={place}", f"truth={place}/truth.csv"),
        f"hydra.run.dir={place}/out",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "prevalence in 150 unlabelled recordings" in done.stdout
    assert (place / "out" / "prevalence.png").exists()
    table = pd.read_csv(place / "out" / "prevalence.csv")
    corrected, made_with = read_scores(place / "out" / "scores.parquet")
    assert made_with["prior_correction"]["transductive"]
    mean = pool_table(corrected, "max")[["s0", "s1"]].mean()
    np.testing.assert_allclose(mean, table["prior"], atol=1e-6)
    np.testing.assert_allclose(table["prior"], FREQUENT, atol=0.06)
    raw, _ = read_scores(place / "scores.parquet")
    assert corrected.drop(columns=["s0", "s1"]).equals(raw.drop(columns=["s0", "s1"]))
    again = subprocess.run(
        [*command, f"scores={place}/out/scores.parquet"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert again.returncode != 0
    assert "corrected already" in again.stderr
