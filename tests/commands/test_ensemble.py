from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from archives import write_checkpoint, write_recordings
from preloaded import run_module
from rfcx_audio.commands.ensemble import about_species, read_members, run, scored, weights_of
from rfcx_audio.config import DictConfig, load_config
from rfcx_audio.scores import EnsembleError, Scores

SPECIES = [f"s{n}" for n in range(24)]
MADE_WITH = {"pool": "mean", "duration_s": 6.0, "frontend": "LogMel()"}


@pytest.fixture
def truth() -> pd.DataFrame:
    """A call of species r mod 24 in the middle of each recording r."""
    return pd.DataFrame(
        {
            "recording_id": [f"r{n:02d}" for n in range(48)],
            "species_id": [n % 24 for n in range(48)],
            "songtype_id": 1,
            "t_min": 4.0,
            "f_min": 100.0,
            "t_max": 5.0,
            "f_max": 200.0,
        }
    )


@pytest.fixture
def members(tmp_path: Path) -> list[str]:
    """Scores of a member that detects the calls, and of one that does not."""
    rng, paths = np.random.default_rng(0), []
    for name, use in (("good", 0.8), ("poor", 0.0)):
        parts = []
        for n in range(48):
            scores = 0.1 + 0.1 * rng.random((2, 24))
            scores[:, n % 24] += use * rng.random(2)
            parts.append(Scores.of_windows(f"r{n:02d}", [0.0, 3.0], 6.0, scores))
        table = Scores.concatenate(parts).frame().sample(frac=1, random_state=len(paths))
        shuffled = Scores.from_frame(table, {**MADE_WITH, "checkpoint": name})
        shuffled.write(tmp_path / f"{name}.parquet")
        paths.append(str(tmp_path / f"{name}.parquet"))
    return paths


def config(members: list[str], *words: str) -> DictConfig:
    return load_config("ensemble", [f"scores=[{','.join(members)}]", *words])


def test_weights_are_fitted_on_rows_or_on_complete_truth(
    members: list[str], truth: pd.DataFrame, tmp_path: Path
) -> None:
    truth.to_csv(tmp_path / "truth.csv", index=False)
    truth.to_csv(tmp_path / "train_tp.csv", index=False)
    absent = truth.assign(species_id=(truth["species_id"] + 1) % 24)
    absent.to_csv(tmp_path / "train_fp.csv", index=False)
    fit = ["weights=fit", f"oof=[{','.join(members)}]"]
    for place in (tmp_path, tmp_path / "truth.csv"):
        good, poor = weights_of(config(members, *fit, f"labels={place}")).tolist()
        assert good > 0.9
        assert good + poor == pytest.approx(1)
    with pytest.raises(EnsembleError, match="expected a list of 2, or fit"):
        weights_of(config(members, "weights=best"))
    with pytest.raises(EnsembleError, match=r"oof=\[…\] with 2 tables"):
        weights_of(config(members, "weights=fit", f"labels={tmp_path}"))


def test_bands_and_other_names_are_those_of_the_first_member_that_states_them() -> None:
    one = {"about": {"Owl": {"band": [300, 900]}, "Wren": {"common_name": "wren"}}}
    other = {"about": {"Owl": {"band": [1, 2]}, "Toad": {"band": [3, 4]}}}
    found = about_species([{}, one, other], ["Toad", "Owl", "Newt"])
    assert found == {"Toad": {"band": [3, 4]}, "Owl": {"band": [300, 900]}}


def test_a_repeated_table_is_refused(members: list[str]) -> None:
    with pytest.raises(EnsembleError, match="is named twice"):
        read_members([members[0], members[0]])


def test_models_score_recordings_first(tmp_path: Path) -> None:
    models = [str(write_checkpoint(tmp_path, seed)) for seed in (0, 1)]
    write_recordings(tmp_path / "audio", 3, broken=[1])
    words = [f"recordings={tmp_path}/audio", f"paths.output_dir={tmp_path}/out"]
    places = scored(config(models, *words))
    one, other = read_members(places).values()
    assert [one.metadata["checkpoint"], other.metadata["checkpoint"]] == models
    assert one.recordings == ["a/00", "a/02"]
    assert not np.allclose(one.values, other.values)
    assert scored(config([models[0], places[1]], *words)) == places
    with pytest.raises(EnsembleError, match=r"seed_0.ckpt is a checkpoint .* give recordings="):
        scored(config(models))


@pytest.mark.slow
def test_the_command_writes_scores_submission_and_what_they_were_made_with(
    members: list[str], tmp_path: Path
) -> None:
    sample = pd.DataFrame({"recording_id": ["r05", "r00", "gone"]}).assign(
        **dict.fromkeys(SPECIES, 0)
    )
    sample.to_csv(tmp_path / "sample.csv", index=False)
    words = [f"scores=[{','.join(members)}]", "weights=[3,1]", f"paths.output_dir={tmp_path}/out"]
    words += [f"sample_submission={tmp_path}/sample.csv", f"hydra.run.dir={tmp_path}/log"]
    done = run_module("rfcx_audio.ensemble", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "0.7500" in done.stdout
    written = Scores.read(tmp_path / "out" / "scores.parquet")
    scores, made_with = written.frame(), written.metadata
    one, other = (
        Scores.read(path).frame().sort_values(["recording_id", "t_min"], ignore_index=True)
        for path in members
    )
    expected = 0.75 * one[SPECIES] + 0.25 * other[SPECIES]
    pd.testing.assert_frame_equal(scores[SPECIES], expected)
    assert made_with["pool"] == "mean"
    assert made_with["how"] == "mean"
    used = [(m["scores"], m["weight"], m["made_with"]["checkpoint"]) for m in made_with["members"]]
    assert used == [(members[0], 0.75, "good"), (members[1], 0.25, "poor")]
    submitted = pd.read_csv(tmp_path / "out" / "submission.csv").set_index("recording_id")
    assert submitted.index.to_list() == ["r05", "r00", "gone"]
    windows = scores[scores["recording_id"] == "r05"]
    assert submitted.loc["r05", "s7"] == pytest.approx(windows["s7"].mean())


def test_raw_and_calibrated_scores_are_not_averaged(members: list[str], tmp_path: Path) -> None:
    good = Scores.read(members[0])
    good.with_values(good.values, calibration={}).write(Path(members[0]))
    with pytest.raises(EnsembleError, match=r"poor.parquet is raw, .*good.parquet is calibrated"):
        run(config(members, f"out={tmp_path / 'out'}"))
    run(config(members, f"out={tmp_path / 'out'}", "how=rank"))  # ranks do not depend on it
