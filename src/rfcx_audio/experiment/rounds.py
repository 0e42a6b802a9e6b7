"""Pseudo-labelling in rounds: each round's teachers train on what the last round's wrote."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, cast

import pandas as pd

from rfcx_audio.config import DictConfig, build
from rfcx_audio.data import (
    PSEUDO_COLUMNS,
    FrameScores,
    RecordingDataModule,
    add_pseudo_rows,
    fold_table_id,
    inside,
    read_pseudo,
    seen_by_teacher,
)
from rfcx_audio.experiment.folds import (
    check_scored,
    continued,
    fold_scores,
    folds_of,
    load_data,
    shared_by_folds,
    train_fold,
)
from rfcx_audio.experiment.resume import SETTINGS, is_finished, keep_settings, mark_finished
from rfcx_audio.experiment.run import train_run
from rfcx_audio.labelling import against_truth, with_bands
from rfcx_audio.scores import Scores

_log = logging.getLogger(__name__)
ROUNDS = "rounds.csv"
_RESULTS = ("test_scores.csv", "test_species.csv", "test_metrics.csv", "metrics.json")


class Labelling(Protocol):
    """What makes rows of scores."""

    needs_frames: bool

    def __call__(self, scores: Scores, frames: Mapping[str, FrameScores]) -> pd.DataFrame:
        """Window scores, and frame scores by recording, to the columns of `FOUND_COLUMNS`."""
        ...


def relabel(config: DictConfig) -> Path:
    """All rounds, and a run on what they wrote.

    In a round, each fold's training recordings are labelled by a teacher that has held them out.
    A teacher learns from the real rows of the other folds and from the pseudo rows that the round
    before wrote for them. A round's rows replace those of the round before.

    Args:
        config: of `conf/relabel.yaml`. What is finished in its `folder` is not done again; what is
            not goes on from its last epoch.

    Returns:
        The folder. `round_1/rows.csv`, … are for `data.pseudo_rows`; `round_1/set_aside.csv` has
        those that real rows overruled; `rounds.csv` has a line a round. The final run is
        in `final_<rounds>`; copies of its results lie in the folder itself.

    Raises:
        ValueError: the number of rounds is below 1, the folder was begun with other settings, or
            there is no such round to go back to.
    """
    if config.rounds < 1:
        raise ValueError(f"rounds = {config.rounds}; at least 1 is needed")
    folder = Path(config.folder)
    if config.rollback_to is not None:
        rollback_to(folder, config.rollback_to)
    keep_settings(config, folder, ("rounds", "rollback_to"))
    config = shared_by_folds(config, folder)
    data = load_data(config)
    rows_file = config.data.pseudo_rows
    for number in range(1, config.rounds + 1):
        place = folder / f"round_{number}"
        if is_finished(place):
            _log.info("round %d is finished", number)
        else:
            _label_round(config, data, folder, number, rows_file)
        rows_file = str(place / "rows.csv")
    summary = [_summary(folder, number, data) for number in range(1, config.rounds + 1)]
    pd.DataFrame(summary).to_csv(folder / ROUNDS, index=False)
    final = folder / f"final_{config.rounds}"
    if not is_finished(final):
        train_run(continued(config, final, {"data.pseudo_rows": rows_file}))
        mark_finished(final)
    for name in _RESULTS:
        if (final / name).exists():
            shutil.copy2(final / name, folder / name)
    return folder


def rollback_to(folder: Path, first: int) -> None:
    """Moves a round, those after it and the runs on their rows into `taken_back/<number>`.

    Args:
        folder: of the rounds.
        first: number of the first round that is removed. The folder's settings go with it, so that
            the next rounds may have others.

    Raises:
        ValueError: there is no such round.
    """
    rounds = _numbered(folder, "round_")
    if first not in rounds:
        known = ", ".join(map(str, sorted(rounds))) or "none"
        raise ValueError(f"{folder} has no round {first} to go back to; its rounds are: {known}")
    parts = [*rounds.items(), *_numbered(folder, "final_").items()]
    moved = [path for number, path in parts if number >= first]
    moved += [folder / name for name in (*_RESULTS, ROUNDS, SETTINGS) if (folder / name).exists()]
    place = folder / "taken_back" / str(len(_numbered(folder / "taken_back", "")))
    place.mkdir(parents=True)
    for path in moved:
        path.rename(place / path.name)
    _log.info("%s: %s", place, ", ".join(path.name for path in moved))


def _label_round(
    config: DictConfig,
    data: RecordingDataModule,
    folder: Path,
    number: int,
    rows_file: str | None,
) -> None:
    """Trains the teachers of a round and writes their pseudo-labels."""
    labelling = cast(Labelling, build(config.labelling))
    changes = {"data.pseudo_rows": rows_file, **_teacher_changes(config)}
    folds = data.folds.table(data.corpus.labelled)
    before = None if rows_file is None else read_pseudo(Path(rows_file))
    tables = []
    for fold in range(folds_of(data)):
        teacher = f"round_{number}/fold_{fold}"
        file = folder / teacher / "rows.csv"
        if not is_finished(file.parent):
            recogniser = train_fold(config, data, file.parent, fold, changes)
            scores, frames = fold_scores(recogniser, data, fold, labelling.needs_frames)
            check_scored(scores, file.parent)
            found = labelling(scores, frames)
            rows = with_bands(inside(found, data.corpus.train.durations_s), data.corpus.rows)
            rows = rows.assign(round=number, teacher=teacher, fold_table=fold_table_id(folds))
            rows["seen_folds"] = seen_by_teacher(fold, before, folds)
            rows[list(PSEUDO_COLUMNS)].to_csv(file, index=False)
            mark_finished(file.parent)
        tables.append(read_pseudo(file))
    found = pd.concat(tables, ignore_index=True)
    union, aside = add_pseudo_rows(data.corpus.rows, found, data.corpus.coverage)
    rows = union.loc[union["pseudo"], list(PSEUDO_COLUMNS)]
    if rows.empty:
        _log.warning(
            "no pseudo-label was found in round %d; lower the thresholds of `labelling` or train "
            "the teachers for longer",
            number,
        )
    place = folder / f"round_{number}"
    rows.to_csv(place / "rows.csv", index=False)
    aside.to_csv(place / "set_aside.csv", index=False)
    mark_finished(place)


def _teacher_changes(config: DictConfig) -> dict[str, Any]:
    """What a teacher's run has otherwise: it may be shorter, and is not tested."""
    changes: dict[str, Any] = {"trainer.limit_test_batches": 0}
    epochs = config.teacher_epochs
    if epochs is not None:
        changes["trainer.max_epochs"] = epochs
        # There is no best epoch without a validated one.
        changes["trainer.check_val_every_n_epoch"] = min(
            epochs, config.trainer.check_val_every_n_epoch
        )
    return changes


def _summary(folder: Path, number: int, data: RecordingDataModule) -> dict[str, Any]:
    """One line of `rounds.csv`; the columns `truth_…` are measured with the true calls."""
    place = folder / f"round_{number}"
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
