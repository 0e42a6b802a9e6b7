"""Truth that is partial, complete or missing: what commands over scores make of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rfcx_audio.commands import calibrate, ensemble, evaluate, prevalence
from rfcx_audio.config import load_config
from rfcx_audio.scores import SEEN, Scores
from trust.ledger import Tally

PART = "Truth and evidence"
COMMANDS: dict[str, Callable] = {
    "evaluate": evaluate.run,
    "calibrate": calibrate.run,
    "prevalence": prevalence.run,
    "ensemble": ensemble.run,
}


def write_scores(path: Path, names: list[str], **metadata: object) -> None:
    """Four windows of each recording; the species of its number scores high in the second."""
    rng = np.random.default_rng(0)
    parts = []
    for number, name in enumerate(names):
        values = 0.3 * rng.random((4, 2))
        values[1, number % 2] += 0.6
        starts_s = np.arange(4) * 3.0
        parts.append(Scores.of_windows(name, starts_s, 3.0, values, {"pool": "max", **metadata}))
    Scores.concatenate(parts).write(path)


def write_labels(folder: Path, names: list[str]) -> None:
    """One call of the species of its number in the second window of each recording."""
    species = ("Moss piper", "Reed bell")
    lines = [f"{name},{species[n % 2]},3.5,4.5,900,1800" for n, name in enumerate(names)]
    folder.mkdir()
    header = "recording_id,species,t_min,t_max,f_min,f_max\n"
    (folder / "own.csv").write_text(header + "\n".join(lines) + "\n")
    (folder / "species.csv").write_text("species,species_id\nMoss piper,0\nReed bell,1\n")


def run(command: str, folder: Path, *words: str) -> Path:
    """Runs a command on `scores.parquet` and `labels` of a folder; returns where it wrote."""
    scores, out = folder / "scores.parquet", folder / f"out_{command}"
    own = {
        "evaluate": [f"scores={scores}"],
        "calibrate": [f"oof={scores}", "precision=0.5", "num_bootstrap=20", "num_folds=2"],
        "prevalence": [f"scores={scores}", f"oof={scores}"],
        "ensemble": [f"scores=[{scores}]", f"oof=[{scores}]", "weights=fit"],
    }[command]
    labels = f"labels={folder}/labels"
    COMMANDS[command](load_config(command, [*own, labels, f"out={out}", *words]))
    return out


@pytest.mark.promise(PART, "a command whose labels and scores share no recording ends with why")
def test_other_recordings(tmp_path: Path, tally: Tally) -> None:
    write_scores(tmp_path / "scores.parquet", ["a", "b", "c", "d"])
    write_labels(tmp_path / "labels", ["e", "f", "g", "h"])
    for command in COMMANDS:
        for words in ([], ["complete=true"]):
            try:
                run(command, tmp_path, *words)
                tally.case(kept=False, words=f"{command} {words} ended well")
            except ValueError as error:
                named = "no recording has both scores and annotations" in str(error)
                tally.case(named and "'e'" in str(error), str(error))


@pytest.mark.promise(
    PART, "recordings with labels and no scores, or with scores and no labels, are counted"
)
def test_recordings_that_do_not_match(
    tmp_path: Path, tally: Tally, caplog: pytest.LogCaptureFixture
) -> None:
    write_scores(tmp_path / "scores.parquet", ["a", "b", "c", "d", "e", "f", "x"])
    write_labels(tmp_path / "labels", ["a", "b", "c", "d", "e", "f", "lost", "gone"])
    for command in COMMANDS:
        caplog.clear()
        run(command, tmp_path, "complete=true")
        tally.case("2 recordings of the labels have no scores, the first 'gone'" in caplog.text)
        tally.case("1 of 7 scored recordings are not covered by the labels" in caplog.text)


@pytest.mark.promise(PART, "a measure that presences alone cannot define is not a number")
def test_presences_alone(
    tmp_path: Path, tally: Tally, capsys: pytest.CaptureFixture, caplog: pytest.LogCaptureFixture
) -> None:
    write_scores(tmp_path / "scores.parquet", ["a", "b", "c", "d"])
    write_labels(tmp_path / "labels", ["a", "b", "c", "d"])
    out = run("evaluate", tmp_path, "thresholds=0.5")
    species, (metrics,) = pd.read_csv(out / "species.csv"), pd.read_csv(out / "metrics.csv").values
    tally.case(species[["auc", "average_precision"]].isna().all(axis=None))
    tally.case("lwlrap" not in species)
    tally.case(not (metrics == 1.0).any(), str(metrics))
    at_threshold = pd.read_csv(out / "precision_recall.csv")
    tally.case(at_threshold["precision"].isna().all())
    tally.case((at_threshold["recall"] == 1).all())
    tally.case("no known cell is absent" in caplog.text)
    tally.case("no LWLRAP" in capsys.readouterr().out)


@pytest.mark.promise(PART, "a recording that is declared complete and has no call holds no species")
def test_complete_and_silent(tmp_path: Path, tally: Tally) -> None:
    write_scores(tmp_path / "scores.parquet", ["a", "b", "c", "d", "quiet", "unknown"])
    write_labels(tmp_path / "labels", ["a", "b", "c", "d"])
    (tmp_path / "where.csv").write_text("recording_id,t_min,t_max\nquiet,,\n[abc],0,6\n")
    complete = f"complete={tmp_path}/where.csv"
    species = pd.read_csv(run("evaluate", tmp_path, complete) / "species.csv")
    # In four windows of quiet, and in two of each other one, of which one holds the call.
    tally.case(species["present"].to_list() == [2, 2])
    tally.case(species["absent"].to_list() == [4 + 1 + 2 + 1, 4 + 2 + 1 + 2], str(species))
    thresholds = pd.read_csv(run("calibrate", tmp_path, complete) / "thresholds.csv")
    tally.case(thresholds["absent"].to_list() == [8, 9])
    prevalence_ = pd.read_csv(run("prevalence", tmp_path, complete) / "prevalence.csv")
    tally.case(prevalence_["estimate"].notna().all())
    tally.case((run("ensemble", tmp_path, complete) / "scores.parquet").exists())


@pytest.mark.promise(PART, "rows that contradict each other are counted, and the first is named")
def test_contradictions(tmp_path: Path, tally: Tally, caplog: pytest.LogCaptureFixture) -> None:
    write_scores(tmp_path / "scores.parquet", ["a", "b", "c", "d"])
    write_labels(tmp_path / "labels", ["a", "b", "c", "d"])
    own = (tmp_path / "labels" / "own.csv").read_text().splitlines()
    lines = [f"{own[0]},present", *(f"{line},1" for line in own[1:]), f"{own[1]},0"]
    lines += ["b,Moss piper,9.5,10.5,900,1800,0", "a,Reed bell,9.5,10.5,900,1800,0"]
    (tmp_path / "labels" / "own.csv").write_text("\n".join(lines) + "\n")
    for command in COMMANDS:
        caplog.clear()
        run(command, tmp_path)
        tally.case("1 pairs of rows contradict each other, the first in 'a'" in caplog.text)
        tally.case("own.csv line 2 and absent in own.csv line 6" in caplog.text)


@pytest.mark.promise(
    PART, "scores of a model whose teachers saw the labels are refused as out-of-fold evidence"
)
def test_leaks(tmp_path: Path, tally: Tally) -> None:
    write_scores(tmp_path / "scores.parquet", ["a", "b", "c", "d"], **{SEEN: ["c", "elsewhere"]})
    write_labels(tmp_path / "labels", ["a", "b", "c", "d"])
    for command in ("calibrate", "prevalence", "ensemble"):
        try:
            run(command, tmp_path, "complete=true")
            tally.case(kept=False, words=f"{command} ended well")
        except ValueError as error:
            tally.case("saw the labels of 1 of its 4 recordings, the first 'c'" in str(error))
