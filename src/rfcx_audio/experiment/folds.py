"""Cross-validation: one model a fold, each scored on recordings that it has not seen."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pandas as pd

from rfcx_audio.config import DictConfig, build, variant
from rfcx_audio.data import FeatureDataModule, FrameScores, RecordingDataModule
from rfcx_audio.encoders import EncoderFrontend
from rfcx_audio.experiment.resume import is_finished, keep_labels, keep_settings, mark_finished
from rfcx_audio.experiment.run import train_run, tried_and_settled, with_fold_file
from rfcx_audio.scores import SEEN, Scores, leaked_recordings
from rfcx_audio.scoring import Recogniser, load_recogniser

_log = logging.getLogger(__name__)
OUT_OF_FOLD = "oof_scores.parquet"


def crossval(config: DictConfig) -> Path:
    """Trains and scores every fold.

    Args:
        config: of `conf/crossval.yaml`. A fold that is finished in its `folder` is not done again,
            one that is not goes on from its last epoch.

    Returns:
        The folder, with a run in `fold_0`, `fold_1`, …; `oof_scores.parquet`, the scores of every
        recording with rows by the best weights of the run that held it out; `folds.csv`, one line
        a fold with the run's metrics: `val/…` of its last epoch, `test/…` of its best weights; and
        their means in `metrics.json`.

    Raises:
        ValueError: there is one recording, none of a fold's recordings could be scored, or the
            folder was begun with other settings or labels.
    """
    folder = Path(config.folder)
    keep_settings(config, folder)
    config = shared_by_folds(config, folder)
    data = load_data(config)
    keep_labels(folder, data.corpus, data.species, config.data.root)
    places = [folder / f"fold_{fold}" for fold in range(folds_of(data))]
    made_with = {
        "sample_rate": config.data.sample_rate,
        "channel": config.data.reader.channel,
        "frontend": repr(build(config.frontend)),
        **vars(build(config.inference)),
    }
    for fold, place in enumerate(places):
        if is_finished(place):
            _log.info("fold %d is finished", fold)
            continue
        recogniser = train_fold(config, data, place, fold, {})
        scores, _ = fold_scores(recogniser, data, fold)
        check_scored(scores, place)
        leaked = leaked_recordings(scores)
        metadata = {**made_with, "about": recogniser.about, **({SEEN: leaked} if leaked else {})}
        replace(scores, metadata=metadata).write(place / OUT_OF_FOLD)
        mark_finished(place)
    tables = [Scores.read(place / OUT_OF_FOLD) for place in places]
    scores = Scores.concatenate(tables)
    leaked = sorted({name for table in tables for name in leaked_recordings(table)})
    if leaked:
        _log.warning(
            "the teachers of pseudo-labels saw the labels of %d recordings: %s is marked, and "
            "refused where out-of-fold scores are needed",
            *(len(leaked), folder / OUT_OF_FOLD),
        )
        scores = scores.with_values(scores.values, **{SEEN: leaked})
    scores.write(folder / OUT_OF_FOLD)
    metrics = [json.loads((place / "metrics.json").read_text()) for place in places]
    table = pd.DataFrame(metrics).filter(regex="^(val|test)/")
    (folder / "metrics.json").write_text(table.mean().to_json(indent=2) + "\n")
    table.insert(0, "fold", range(len(places)))
    table.to_csv(folder / "folds.csv", index=False)
    return folder


def shared_by_folds(config: DictConfig, folder: Path) -> DictConfig:
    """A configuration for the runs of one folder: settled, with one file of folds for all.

    Where few rows are drawn in each fold anew (`rows_per_species`), each takes its bands from them.
    """
    settled = tried_and_settled(with_fold_file(config, folder), folder)
    if config.data.rows_per_species is not None:
        settled.data.templates = config.data.templates
    return settled


def with_spread(folds: pd.DataFrame) -> pd.DataFrame:
    """A table of folds with two more lines: the mean and the standard deviation over the folds."""
    values = folds.drop(columns="fold")
    lines = pd.DataFrame([values.mean(), values.std()])
    lines.insert(0, "fold", ["mean", "spread"])
    return pd.concat([folds.astype({"fold": str}), lines], ignore_index=True)


def load_data(config: DictConfig) -> RecordingDataModule:
    """The data module of a configuration, with its data made if its source can."""
    data = cast(RecordingDataModule, build(config.data.module))
    data.prepare_data()
    return data


def folds_of(data: RecordingDataModule) -> int:
    """The number of folds.

    Raises:
        ValueError: there is one recording, of which nothing can be held out.
    """
    count = data.folds.count(data.corpus.labelled)
    if not count:
        raise ValueError(
            "there is one recording with rows, and two folds need two recordings; label a second "
            "one, or train on this one alone: rfcx-audio train"
        )
    return count


def train_fold(
    config: DictConfig,
    data: RecordingDataModule,
    folder: Path,
    fold: int,
    changes: dict[str, Any],
) -> Recogniser:
    """Trains with one fold held out.

    Args:
        config: of one run.
        data: that of the configuration.
        folder: of the run; where it holds a `last.ckpt`, the run goes on from there.
        fold: to hold out.
        changes: further settings of the run by dotted key.

    Returns:
        The recogniser with the best weights, on the device of the training.
    """
    _log.info("fold %d of %d, in %s", fold, folds_of(data), folder)
    trainer = train_run(continued(config, folder, {"data.folds.held_out": fold, **changes}))
    stored = isinstance(data, FeatureDataModule)
    encoder = cast(EncoderFrontend, data.frontend).encoder if stored else None
    recogniser = load_recogniser(folder / "checkpoints" / "best.ckpt", encoder=encoder)
    return recogniser.to(trainer.strategy.root_device)


def fold_scores(
    recogniser: Recogniser, data: RecordingDataModule, fold: int, with_frames: bool = False
) -> tuple[Scores, Mapping[str, FrameScores]]:
    """The scores of a fold's recordings, and where they are asked for those of frames.

    Args:
        recogniser: of `train_fold`, which was not trained on them.
        data: that it was trained with; of stored features, these are scored.
        fold: of the recordings.
        with_frames: whether to return those of frames too.
    """
    return scores_of(recogniser, data, held_out_recordings(data, fold), with_frames)


def scores_of(
    recogniser: Recogniser,
    data: RecordingDataModule,
    paths: Mapping[str, Path],
    with_frames: bool = False,
) -> tuple[Scores, Mapping[str, FrameScores]]:
    """The scores of recordings to train on, see `fold_scores`.

    Args:
        recogniser: see `fold_scores`.
        data: see `fold_scores`.
        paths: of the recordings, by name.
        with_frames: see `fold_scores`.
    """
    if isinstance(data, FeatureDataModule):
        names = {name: data.names[name] for name in paths}
        if with_frames:
            return recogniser.store_frames(data.store, names)
        return recogniser.score_store(data.store, names), {}
    return recogniser.frames(paths) if with_frames else (recogniser.score(paths), {})


def check_scored(scores: Scores, folder: Path) -> None:
    """Checks that some of a fold's recordings could be read.

    Raises:
        ValueError: none could.
    """
    if not len(scores.keys):
        name, reason = next(iter(scores.metadata["failures"].items()), ("none", "it has none"))
        raise ValueError(
            f"none of the recordings that {folder} holds out could be scored; the first, {name}: "
            f"{reason}"
        )


def continued(config: DictConfig, folder: Path, changes: dict[str, Any]) -> DictConfig:
    """The configuration of a run in a folder, going on from the last epoch that is kept there."""
    last = folder / "checkpoints" / "last.ckpt"
    resume = str(last) if last.exists() else None
    return variant(config, {"paths.output_dir": str(folder), "resume": resume, **changes})


def held_out_recordings(data: RecordingDataModule, fold: int) -> dict[str, Path]:
    """The audio of one fold's recordings, sorted by name."""
    corpus = data.corpus
    folds = data.folds.table(corpus.labelled)
    names = set(folds.loc[folds["fold"] == fold, "recording_id"])
    return {name: corpus.train.paths[name] for name in sorted(names & set(corpus.train.paths))}
