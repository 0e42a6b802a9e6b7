"""Every command that takes labels reads every format, including a recording called "NA"."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from preloaded import run_module
from rfcx_audio.commands import calibrate, detect, ensemble, prevalence
from rfcx_audio.config import CONF_DIR, load_config
from rfcx_audio.data import read_annotations
from rfcx_audio.data.rows import RFCX_COLUMNS
from rfcx_audio.scores import Scores, evaluate, known_scores

NAMES = ["NA", "null", "r1", "r2", "r3", "r4"]
FORMATS = ["rfcx", "truth.csv", "raven", "audacity", "table.csv"]


@pytest.fixture
def scores(tmp_path: Path) -> Path:
    """Two windows of each recording; the first species is high in every second window."""
    rng = np.random.default_rng(0)
    parts = [
        Scores.of_windows(
            name, [0.0, 6.0], 6.0, [[0.8, 0.3], [0.2, 0.6]] + 0.1 * rng.random((2, 2))
        )
        for name in NAMES
    ]
    Scores.concatenate(parts).write(tmp_path / "scores.parquet")
    return tmp_path / "scores.parquet"


@pytest.fixture
def labels(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Every recording has species 0 at 1-2 s and species 1 at 8-9 s, in the format asked for."""
    kind, calls = request.param, [(0, 1.0, 300.0), (1, 8.0, 500.0)]
    names = ["Frog", "Owl"]
    rows = pd.DataFrame(
        [(name, s, 1, t, low, t + 1, 900.0) for name in NAMES for s, t, low in calls],
        columns=pd.Index(RFCX_COLUMNS),
    )
    folder = tmp_path / "labels"
    folder.mkdir()
    if kind == "truth.csv":
        rows.assign(split="test").to_csv(folder / kind, index=False)
        return folder / kind
    if kind == "rfcx":
        rows.to_csv(folder / "train_tp.csv", index=False)
        rows.assign(species_id=1 - rows["species_id"]).to_csv(folder / "train_fp.csv", index=False)
        return folder
    (folder / "species.csv").write_text("species,species_id\nFrog,0\nOwl,1\n")
    if kind == "table.csv":
        absent = rows.assign(species_id=1 - rows["species_id"], present=0)
        rows = pd.concat([rows.assign(present=1), absent])
        rows["species"] = [names[s] for s in rows.pop("species_id")]
        rows.to_csv(folder / kind, index=False)
        return folder / kind
    for name in NAMES:
        raven = ["Selection\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)\tSpecies"]
        raven += [f"1\t{t}\t{t + 1}\t{low}\t900\t{names[s]}" for s, t, low in calls]
        audacity = [f"{t}\t{t + 1}\t{names[s]}\n\\\t{low}\t900" for s, t, low in calls]
        ending = ".selections.txt" if kind == "raven" else ".txt"
        lines = raven if kind == "raven" else audacity
        (folder / f"{name}{ending}").write_text("\n".join(lines) + "\n")
    return folder


@pytest.mark.parametrize("labels", FORMATS, indirect=True)
def test_evaluate_uses_every_recording(scores: Path, labels: Path) -> None:
    _, species = evaluate(Scores.read(scores), read_annotations(labels, 2))
    assert species["present"].to_list() == [6, 6]


@pytest.mark.parametrize("labels", FORMATS, indirect=True)
def test_calibrate_uses_every_recording(scores: Path, labels: Path) -> None:
    oof = calibrate.read_raw(str(scores))
    known, cells = oof.labelled_by(read_annotations(labels, 2))
    assert set(known.recordings) == set(NAMES)
    assert cells.target.sum(0).tolist() == [6, 6]


@pytest.mark.parametrize("labels", ["rfcx", "truth.csv", "table.csv"], indirect=True)
def test_ensemble_fits_on_every_format(scores: Path, labels: Path, tmp_path: Path) -> None:
    poor = Scores.read(scores)
    poor.with_values(1 - poor.values).write(tmp_path / "poor.parquet")
    members = f"[{scores},{tmp_path}/poor.parquet]"
    words = [f"scores={members}", f"oof={members}", f"labels={labels}", "weights=fit"]
    good, other = ensemble.weights_of(load_config("ensemble", words)).tolist()
    assert good > 0.9 > other


@pytest.mark.parametrize("labels", FORMATS, indirect=True)
def test_prevalence_uses_every_recording(scores: Path, labels: Path) -> None:
    known = known_scores(Scores.read(scores), read_annotations(labels, 2), "max", 0.5)
    assert known.present.isfinite().all()
    assert known.present.shape == (6, 2)
    has_absences = labels.name in ("truth.csv", "table.csv") or (labels / "train_fp.csv").exists()
    assert known.absent.isfinite().all() == has_absences


@pytest.mark.parametrize("labels", ["truth.csv"], indirect=True)
def test_the_true_prevalence_counts_every_recording(scores: Path, labels: Path) -> None:
    config = load_config("prevalence", [f"scores={scores}", f"complete_labels={labels}"])
    pooled = Scores.read(scores).pool("max")
    assert prevalence.true_prevalence(config, pooled).tolist() == [1, 1]
    (labels.parent / "train_tp.csv").write_text(",".join(RFCX_COLUMNS) + "\n")
    partial = load_config(
        "prevalence", [f"scores={scores}", f"complete_labels={labels.parent}/train_tp.csv"]
    )
    with pytest.raises(ValueError, match="is partial: a true prevalence needs every call"):
        prevalence.true_prevalence(partial, pooled)


@pytest.mark.parametrize("labels", FORMATS, indirect=True)
def test_detect_takes_bands_and_names_from_every_format(labels: Path) -> None:
    config = load_config("detect", ["scores=s", f"labels={labels}"])
    scores = Scores.of_windows("a", [0.0], 6.0, [[0.1, 0.2]])
    rows, names = detect.species_of(config, scores, 8000.0)
    assert rows.groupby("species_id")[["f_min", "f_max"]].min().loc[[0, 1]].notna().all(axis=None)
    assert set(rows["recording_id"]) == set(NAMES)
    unnamed = labels.name == "truth.csv" or (labels / "train_tp.csv").exists()
    assert dict(names) == ({0: "s0", 1: "s1"} if unnamed else {0: "Frog", 1: "Owl"})


@pytest.mark.slow
@pytest.mark.parametrize("command", ["evaluate", "calibrate", "ensemble", "prevalence", "detect"])
@pytest.mark.parametrize("labels", ["truth.csv"], indirect=True)
def test_the_command_keeps_a_recording_called_na(
    command: str, scores: Path, labels: Path, tmp_path: Path
) -> None:
    words = {
        "evaluate": [f"scores={scores}"],
        "calibrate": [f"oof={scores}", f"scores={scores}", "precision=0.5", "num_bootstrap=20"],
        "ensemble": [f"scores=[{scores}]", f"oof=[{scores}]", "weights=fit"],
        "prevalence": [f"scores={scores}", f"oof={scores}", f"complete_labels={labels}"],
        "detect": [f"scores={scores}"],
    }[command]
    out = tmp_path / "out"
    words += [f"labels={labels}", f"out={out}"]
    done = run_module(f"rfcx_audio.{command}", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    if command == "evaluate":
        assert pd.read_csv(out / "species.csv")["present"].to_list() == [6, 6]
        assert "have no call" not in done.stdout + done.stderr
    elif command == "calibrate":
        assert pd.read_csv(out / "thresholds.csv")["present"].to_list() == [6, 6]
    elif command == "prevalence":
        assert len(pd.read_csv(out / "prevalence.csv")) == 2
    elif command == "ensemble":
        submitted = pd.read_csv(out / "submission.csv", keep_default_na=False)
        assert submitted["recording_id"].to_list() == sorted(NAMES)
    else:
        events = pd.read_csv(out / "events.csv", keep_default_na=False)
        assert set(events["recording_id"]) == set(NAMES)
        assert set(events.loc[events["species_id"] == 0, "f_min"]) == {300.0}


@pytest.mark.parametrize("command", ["calibrate", "ensemble", "evaluate", "prevalence", "detect"])
def test_all_commands_have_the_same_keys(command: str) -> None:
    text = (CONF_DIR / f"{command}.yaml").read_text()
    keys = {line.partition(":")[0] for line in text.splitlines() if ":" in line}
    assert {"scores", "labels", "species"} <= keys
    assert not keys & {"truth", "rows", "apply", "out_of_fold", "known_scores", "resamples"}


def test_the_folder_to_write_to_is_out_everywhere(tmp_path: Path) -> None:
    for command in ("train", "predict", "calibrate", "crossval"):
        assert load_config(command, [f"out={tmp_path}/o"]).paths.output_dir == f"{tmp_path}/o"
        other = load_config(command, ["out=elsewhere", f"paths.output_dir={tmp_path}"])
        assert other.paths.output_dir == str(tmp_path)
    assert load_config("crossval", ["out=here"]).folder == "here"
