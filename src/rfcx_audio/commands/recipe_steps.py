"""The steps of a recipe: each calls what a command by hand would, and fills a folder."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, cast

import pandas as pd

from rfcx_audio.commands import calibrate, ensemble, evaluate, predict, prevalence
from rfcx_audio.commands.place_and_time import infos_of_audio
from rfcx_audio.commands.recipe_inputs import SCORES, Material, Unlabelled, step_config
from rfcx_audio.config import DictConfig, build, variant
from rfcx_audio.data import AudioReader, FeatureStore, add_to_table, read_annotations
from rfcx_audio.encoders import EncoderFrontend
from rfcx_audio.experiment import crossval
from rfcx_audio.experiment.encoders import has_encoder, with_encoder
from rfcx_audio.scores import Scores, draw_prevalence
from rfcx_audio.scores import evaluate as measure
from rfcx_audio.scoring import Embedder
from rfcx_audio.scoring.archive import (
    RECORDINGS,
    LocalEngine,
    embed_archive,
    fingerprint,
    stored_contents,
)
from rfcx_audio.screen import print_table
from rfcx_audio.whole_files import save_picture

_log = logging.getLogger(__name__)
FAILURES = "failures.csv"
_OWN_KEYS = ("recordings", "complete_labels", "precision")


def train_folds(material: Material, folder: Path) -> None:
    """Trains a model a fold, see `crossval`, with the settings of the recipe except its own."""
    own = dict.fromkeys(_OWN_KEYS)
    crossval(
        variant(material.config, {**own, "folder": str(folder), "paths.output_dir": str(folder)})
    )


def score(material: Material, folder: Path) -> None:
    """Scores recordings without labels by every model, and takes the mean.

    The sound of heads on features is embedded once for all of them.

    Args:
        material: of the recipe.
        folder: receives the mean, and in `fold_0`, `fold_1`, … the scores of each model.
    """
    unlabelled, config = material.unlabelled, material.config
    if unlabelled.labelled:
        _log.warning(
            "%d of the %d recordings in %s have labels and are left out: some models were trained "
            "on them; %s has their scores by the others",
            *(len(unlabelled.labelled), len(unlabelled.labelled) + len(unlabelled.paths)),
            *(unlabelled.place, material.oof),
        )
    what = _listed(unlabelled, folder)
    if has_encoder(config):
        what = {"store": _embedded(config, unlabelled, what, folder / "embeddings")}
    members = []
    for fold, checkpoint in enumerate(material.checkpoints):
        place = folder / f"fold_{fold}"
        _log.info("model %d of %d", fold + 1, len(material.checkpoints))
        predict.score(step_config("predict", place, checkpoint=checkpoint, **what))
        members.append(str(place / SCORES))
    ensemble.run(
        step_config("ensemble", folder, scores=members, sample_submission=_sample(unlabelled))
    )
    for name in (RECORDINGS, FAILURES):
        shutil.copy2(folder / "fold_0" / name, folder / name)


def calibrate_scores(material: Material, folder: Path) -> None:
    """A calibration and thresholds from the out-of-fold scores, and calibrated scores."""
    keys = {**material.labels, "oof": material.oof, "precision": material.config.precision}
    keys |= {"seed": material.config.seed}
    for raw in material.raw:
        keys |= {"scores": raw}
    calibrate.run(step_config("calibrate", folder, **keys))
    for raw in material.raw:
        for name in (RECORDINGS, FAILURES):
            shutil.copy2(raw.parent / name, folder / name)


def correct(material: Material, folder: Path) -> None:
    """The prevalence in recordings without labels, and scores corrected to it: TRANSDUCTIVE."""
    (raw,) = material.raw
    keys = {**material.labels, "scores": raw, "oof": material.oof}
    prevalence.run(step_config("prevalence", folder, **keys))
    lines, _ = Scores.read(folder / SCORES).submission(material.unlabelled.sample)
    lines.to_csv(folder / "submission.csv", index=False)


def evaluate_scores(material: Material, folder: Path) -> None:
    """Metrics of the out-of-fold scores and, where their truth is known, of the others.

    Args:
        material: of the recipe.
        folder: receives `out_of_fold/`, and with a truth `truth/`, `metrics.csv` and
            `prevalence.png`.
    """
    labels, truth = material.labels, material.unlabelled.truth
    keys = {"thresholds": material.thresholds, "seed": material.config.seed}
    place = folder / "out_of_fold"
    evaluate.run(step_config("evaluate", place, scores=material.oof, **labels, **keys))
    if truth is None:
        return
    _against_truth(material, truth, folder)
    complete = {"labels": truth, "complete": True}
    complete |= {"species": material.config.data.source.species_file}
    scores = material.scores["calibrated"]
    evaluate.run(step_config("evaluate", folder / "truth", scores=scores, **complete, **keys))


def _against_truth(material: Material, truth: Path, folder: Path) -> None:
    """One table of the metrics of all scores, and the picture of the prevalence."""
    config = material.config
    species_file = config.data.source.species_file
    raw = Scores.read(material.raw[0])
    keys = {"complete_labels": truth, "species": species_file}
    share = prevalence.true_prevalence(step_config("prevalence", folder, **keys), raw.pool())
    found = prevalence.read_prevalence(
        str(material.folder / "prevalence" / "prevalence.csv"), raw.species
    )
    picture = draw_prevalence(found, share, "true prevalence", raw.species)
    save_picture(picture, folder / "prevalence.png")
    annotations = read_annotations(
        truth, raw.species, species_file, recordings=raw.recordings, complete=True
    )
    tables = {
        name: measure(Scores.read(path), annotations, seed=config.seed).metrics
        for name, path in material.scores.items()
    }
    lines = pd.concat([table.loc[["scores"]].set_axis([name]) for name, table in tables.items()])
    baselines = next(iter(tables.values())).drop(index="scores")
    table = pd.concat([lines, baselines]).reset_index(names="scores")
    table.to_csv(folder / "metrics.csv", index=False)
    print_table(table.drop(columns="recordings"), f"complete truth: {truth}")


def _listed(unlabelled: Unlabelled, folder: Path) -> dict[str, Any]:
    """The keys of `predict` for the recordings: their place, or a list of those without labels."""
    if not unlabelled.labelled:
        return {"recordings": unlabelled.place}
    folder.mkdir(parents=True, exist_ok=True)
    lines = [(name, str(path.absolute())) for name, path in unlabelled.paths.items()]
    listed = folder / "unlabelled.csv"
    pd.DataFrame(lines, columns=pd.Index(["recording_id", "path"])).to_csv(listed, index=False)
    table = Path(unlabelled.place) / RECORDINGS
    return {"recordings": listed, **({"recordings_table": table} if table.is_file() else {})}


def _embedded(
    config: DictConfig, unlabelled: Unlabelled, listed: dict[str, Any], folder: Path
) -> Path:
    """A store of the recordings' features, as those of the training were made."""
    config = with_encoder(config)
    frontend = cast(EncoderFrontend, build(config.frontend))
    reader = AudioReader(config.data.reader.sample_rate, config.data.reader.channel)
    infos = infos_of_audio(
        step_config("predict", folder, checkpoint="", **listed), unlabelled.paths
    )
    load = partial(Embedder, reader, frontend)
    known = None if config.data.store is None else FeatureStore.open(config.data.store)
    growing = embed_archive(LocalEngine(), load, unlabelled.paths, folder, known=known)
    growing.join()
    add_to_table(infos, folder / RECORDINGS)
    growing.check_some_kept()
    return folder


def not_stored(store: str | None, paths: Mapping[str, Path]) -> dict[str, Path]:
    """The recordings of whose files a store has no features; all without a store."""
    known = set() if store is None else set(stored_contents(Path(store)).values())
    return {name: path for name, path in paths.items() if fingerprint(path) not in known}


def _sample(unlabelled: Unlabelled) -> str | None:
    return None if unlabelled.sample is None else str(unlabelled.sample)
