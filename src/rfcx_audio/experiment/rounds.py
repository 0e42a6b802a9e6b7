"""Pseudo-labelling in rounds: each round's teachers train on what the last round's wrote."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Any

import pandas as pd

from rfcx_audio.config import DictConfig
from rfcx_audio.data import RecordingDataModule, read_pseudo
from rfcx_audio.experiment.folds import (
    continued,
    folds_of,
    load_data,
    shared_by_folds,
)
from rfcx_audio.experiment.resume import (
    LABELS,
    SETTINGS,
    changed_settings,
    is_finished,
    keep_labels,
    keep_settings,
    mark_finished,
)
from rfcx_audio.experiment.run import train_run
from rfcx_audio.experiment.teachers import SOFT, label_round, labels_of
from rfcx_audio.labelling import against_truth
from rfcx_audio.scores import Scores

_log = logging.getLogger(__name__)
ROUNDS = "rounds.csv"
_UNDERWAY = "gone_back_to.txt"  # a round, until those from it on are done
_FREE = ("rounds", "rollback_to")
_FEWEST_FOLDS = 3
_RESULTS = ("test_scores.csv", "test_species.csv", "test_metrics.csv", "metrics.json")


def relabel(config: DictConfig) -> Path:
    """All rounds, and a run on what they wrote: the student.

    The fold `data.folds.held_out` judges the student; no teacher of any round learns from its
    recordings, nor labels them. Each other fold's recordings are labelled by a teacher that has
    held them out too, recordings that are in no fold by all teachers. A teacher learns from the
    rows of its folds and from what the round before wrote for them. What a round writes replaces
    that of the round before.

    Args:
        config: of `conf/relabel.yaml`. What is finished in its `folder` is not done again; what is
            not goes on from its last epoch.

    Returns:
        The folder. `round_1/rows.csv`, … are for `data.pseudo_rows`; `round_1/set_aside.csv` has
        those that real rows overruled; with `labelling=soft`, `round_1/soft_labels.parquet`, … are
        for `data.soft_labels`. `rounds.csv` has a line a round. The final run is in
        `final_<rounds>`; copies of its results lie in the folder itself.

    Raises:
        ValueError: the number of rounds is below 1, there are fewer than three folds, the folder
            was begun with other settings or labels, or there is no such round to go back to.
    """
    if config.rounds < 1:
        raise ValueError(f"rounds = {config.rounds}; at least 1 is needed")
    folder = Path(config.folder)
    if config.rollback_to is not None and not _goes_on(config, folder):
        rollback_to(folder, config.rollback_to)
    keep_settings(config, folder, _FREE)
    config = shared_by_folds(config, folder)
    data = load_data(config)
    keep_labels(folder, data.corpus, data.species, config.data.root)
    if config.rounds > 1 or not config.teachers:
        check_folds(data)
    learned = {"data.pseudo_rows": config.data.pseudo_rows}
    for number in range(1, config.rounds + 1):
        place = folder / f"round_{number}"
        if is_finished(place):
            _log.info("round %d is finished", number)
        else:
            label_round(config, data, place, learned)
        learned = labels_of(place)
    summary = [_summary(folder, number, data) for number in range(1, config.rounds + 1)]
    pd.DataFrame(summary).to_csv(folder / ROUNDS, index=False)
    final = folder / f"final_{config.rounds}"
    if not is_finished(final):
        train_run(continued(config, final, {**learned, **(config.student or {})}))
        mark_finished(final)
    for name in _RESULTS:
        if (final / name).exists():
            shutil.copy2(final / name, folder / name)
    (folder / _UNDERWAY).unlink(missing_ok=True)
    return folder


def _goes_on(config: DictConfig, folder: Path) -> bool:
    """Whether the same command was interrupted after it had gone back."""
    return (
        _is_underway(folder, config.rollback_to)
        and (folder / SETTINGS).exists()
        and not changed_settings(config, folder, _FREE)
    )


def _is_underway(folder: Path, first: int) -> bool:
    path = folder / _UNDERWAY
    return path.exists() and path.read_text().strip() == str(first)


def rollback_to(folder: Path, first: int) -> None:
    """Moves a round, those after it and the runs on their rows into `taken_back/<number>`.

    Args:
        folder: of the rounds.
        first: number of the first round that is removed. The folder's settings go with it, so that
            the next rounds may have others; of the first round, its labels too.

    Raises:
        ValueError: there is no such round.
    """
    rounds = _numbered(folder, "round_")
    if first not in rounds and not _is_underway(folder, first):
        known = ", ".join(map(str, sorted(rounds))) or "none"
        raise ValueError(f"{folder} has no round {first} to go back to; its rounds are: {known}")
    parts = [*rounds.items(), *_numbered(folder, "final_").items()]
    moved = [path for number, path in parts if number >= first]
    files = (*_RESULTS, ROUNDS, SETTINGS, *([LABELS] if first == 1 else []))
    moved += [folder / name for name in files if (folder / name).exists()]
    place = folder / "taken_back" / str(len(_numbered(folder / "taken_back", "")))
    place.mkdir(parents=True)
    for path in moved:
        path.rename(place / path.name)
    (folder / _UNDERWAY).write_text(f"{first}\n")
    _log.info("%s: %s", place, ", ".join(path.name for path in moved))


def check_folds(data: RecordingDataModule) -> None:
    """Checks that a fold can judge, another be labelled, and one be left to learn from.

    Raises:
        ValueError: there are fewer than three folds.
    """
    count = folds_of(data)
    if count < _FEWEST_FOLDS:
        raise ValueError(
            f"there are {count} folds, and relabel needs {_FEWEST_FOLDS}: one judges the student, "
            "one is labelled, and its teacher learns from the others; set data.folds.num_folds=3 "
            "or more, and data.folds.file to a new file"
        )


def _summary(folder: Path, number: int, data: RecordingDataModule) -> dict[str, Any]:
    """One line of `rounds.csv`; the columns `truth_…` are measured with the true calls."""
    place = folder / f"round_{number}"
    if (place / SOFT).exists():
        soft = Scores.read(place / SOFT)
        return {"round": number, "recordings": len(soft.recordings), "stretches": len(soft)}
    rows, aside = read_pseudo(place / "rows.csv"), pd.read_csv(place / "set_aside.csv")
    line: dict[str, Any] = {
        "round": number,
        "rows": len(rows),
        "recordings": rows["recording_id"].nunique(),
        "species": rows["species_id"].nunique(),
        "set_aside": len(aside),
        "contradicted": int((aside["reason"] == "contradicted").sum()),
    }
    calls = data.corpus.train_truth
    if calls is not None:
        labelled = calls["recording_id"].isin(data.corpus.usable["recording_id"])
        measured = against_truth(rows, calls[labelled])
        line |= {f"truth_{name}": value for name, value in measured.items()}
    return line


def _numbered(folder: Path, prefix: str) -> dict[int, Path]:
    """The folders in a folder that are called by a prefix and a number."""
    paths = {path.name.removeprefix(prefix): path for path in folder.glob(f"{prefix}*")}
    return {int(name): path for name, path in paths.items() if name.isdigit()}
