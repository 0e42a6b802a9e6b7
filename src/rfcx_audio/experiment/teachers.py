"""The teachers of one round of pseudo-labelling, and what they write."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, cast

import pandas as pd

from rfcx_audio.config import DictConfig, build
from rfcx_audio.data import (
    PSEUDO_COLUMNS,
    SOFT_METADATA,
    FeatureDataModule,
    FrameScores,
    RecordingDataModule,
    add_pseudo_rows,
    fold_table_id,
    inside,
    read_pseudo,
    seen_by_teacher,
    training_recordings,
    unlabelled_recordings,
)
from rfcx_audio.encoders import EncoderFrontend
from rfcx_audio.experiment.folds import (
    check_scored,
    folds_of,
    held_out_recordings,
    scores_of,
    train_fold,
)
from rfcx_audio.experiment.resume import is_finished, mark_finished
from rfcx_audio.labelling import Soft, mean_scores, with_bands
from rfcx_audio.scores import Scores
from rfcx_audio.scoring import load_recogniser

_log = logging.getLogger(__name__)
SOFT = "soft_labels.parquet"
_FIRST = "round_1"


class Labelling(Protocol):
    """What makes labels of scores."""

    needs_frames: bool

    def __call__(self, scores: Scores, frames: Mapping[str, FrameScores]) -> pd.DataFrame | Scores:
        """Window scores, and frame scores by recording, to the columns of `FOUND_COLUMNS`.

        Soft labels are scores themselves.
        """
        ...


def labels_of(place: Path) -> dict[str, str]:
    """The setting with which a run learns from what a round wrote into its folder."""
    soft = place / SOFT
    if soft.exists():
        return {"data.soft_labels": str(soft)}
    return {"data.pseudo_rows": str(place / "rows.csv")}


def label_round(
    config: DictConfig, data: RecordingDataModule, place: Path, learned: dict[str, Any]
) -> None:
    """Trains the teachers of a round, each with its fold held out, and joins their labels.

    Args:
        config: of `conf/relabel.yaml`; with `teachers`, nothing is trained in the first round.
        data: of the configuration; its held-out fold is that which judges the student.
        place: folder of the round, `round_1`, …
        learned: settings with which teachers learn from the round before.

    Raises:
        ValueError: a teacher could score nothing, or `teachers` do not fit.
    """
    judge = data.folds.held_out
    folders = [place / f"fold_{fold}" for fold in range(folds_of(data)) if fold != judge]
    if place.name == _FIRST and config.teachers:
        folders = given_teachers(config, data, place)
    changes = {**learned, **_teacher_changes(config)}
    if place.name != _FIRST:
        changes |= config.student or {}
    for folder in folders:
        if not is_finished(folder):
            _teach(config, data, folder, changes)
            mark_finished(folder)
    soft = [Scores.read(path / SOFT) for path in folders if (path / SOFT).exists()]
    if soft:
        mean_scores(soft, _saw(soft)).write(place / SOFT)
    else:
        _join_rows(data, place, [read_pseudo(path / "rows.csv") for path in folders])
    mark_finished(place)


def given_teachers(config: DictConfig, data: RecordingDataModule, place: Path) -> list[Path]:
    """The folders of the soft labels of teachers that are there already.

    Args:
        config: with `teachers`, checkpoints or tables of scores of the recordings to train on.
        data: of the recordings.
        place: folder of the round.

    Raises:
        ValueError: `labelling` makes rows, or a teacher scores other species.
    """
    if config.labelling["_target_"] != f"rfcx_audio.labelling.{Soft.__name__}":
        raise ValueError("teachers=… gives soft labels; set labelling=soft")
    folders = []
    for number, teacher in enumerate(config.teachers):
        folder = place / f"teacher_{number}"
        folders.append(folder)
        if is_finished(folder):
            continue
        _log.info("teacher %d of %d: %s", number + 1, len(config.teachers), teacher)
        if Path(teacher).suffix == ".parquet":
            found = Scores.read(teacher)
        else:
            stored = isinstance(data, FeatureDataModule)
            encoder = cast(EncoderFrontend, data.frontend).encoder if stored else None
            recogniser = load_recogniser(teacher, encoder=encoder)
            parts = (training_recordings, unlabelled_recordings)
            names = set().union(*(part(data.corpus, data.folds) for part in parts))
            paths = {name: data.corpus.train.paths[name] for name in sorted(names)}
            found = Soft()(*scores_of(recogniser, data, paths, with_frames=True))
        check_scored(found, folder)
        folder.mkdir(parents=True, exist_ok=True)
        # Its species in the order of the labels; which recordings it was trained on is not known.
        mean_scores([found.of_species(data.species)], None).write(folder / SOFT)
        mark_finished(folder)
    return folders


def _teach(
    config: DictConfig, data: RecordingDataModule, folder: Path, changes: dict[str, Any]
) -> None:
    """Trains the teacher of one fold, and writes its labels of that fold."""
    labelling = cast(Labelling, build(config.labelling))
    fold, judge = int(folder.name.removeprefix("fold_")), data.folds.held_out
    recogniser = train_fold(config, data, folder, fold, {"data.folds.unused": judge, **changes})
    names = held_out_recordings(data, fold)
    if isinstance(labelling, Soft):
        paths = data.corpus.train.paths
        names |= {name: paths[name] for name in unlabelled_recordings(data.corpus, data.folds)}
    scores, frames = scores_of(recogniser, data, names, labelling.needs_frames)
    check_scored(scores, folder)
    found = labelling(scores, frames)
    folds = data.folds.table(data.corpus.labelled)
    if isinstance(found, Scores):
        saw = set(folds.loc[~folds["fold"].isin([fold, judge]), "recording_id"])
        if changes.get("data.soft_labels"):  # whose teachers saw others
            earlier = _saw([Scores.read(changes["data.soft_labels"])])
            saw = None if earlier is None else saw | earlier
        mean_scores([found], saw).write(folder / SOFT)
        return
    pseudo = changes.get("data.pseudo_rows")
    before = None if pseudo is None else read_pseudo(Path(pseudo))
    rows = with_bands(inside(found, data.corpus.train.durations_s), data.corpus.rows)
    number = int(folder.parent.name.removeprefix("round_"))
    teacher = f"{folder.parent.name}/{folder.name}"
    rows = rows.assign(round=number, teacher=teacher, fold_table=fold_table_id(folds))
    rows["seen_folds"] = seen_by_teacher({fold, judge}, before, folds)
    rows[list(PSEUDO_COLUMNS)].to_csv(folder / "rows.csv", index=False)


def _saw(tables: Sequence[Scores]) -> set[str] | None:
    """The recordings whose labels the teachers of soft labels saw; None: perhaps any."""
    found = [table.metadata.get(SOFT_METADATA, {}).get("teachers_saw") for table in tables]
    return None if None in found else set().union(*found)


def _join_rows(data: RecordingDataModule, place: Path, tables: Sequence[pd.DataFrame]) -> None:
    """Writes the rows of all teachers of a round, and those that real rows overrule."""
    found = pd.concat(tables, ignore_index=True)
    union, aside = add_pseudo_rows(data.corpus.rows, found, data.corpus.coverage)
    rows = union.loc[union["pseudo"], list(PSEUDO_COLUMNS)]
    if rows.empty:
        _log.warning(
            "no pseudo-label was found in round %s; lower the thresholds of `labelling` or train "
            "the teachers for longer",
            place.name.removeprefix("round_"),
        )
    rows.to_csv(place / "rows.csv", index=False)
    aside.to_csv(place / "set_aside.csv", index=False)


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
