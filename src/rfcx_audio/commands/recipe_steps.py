"""The steps of a recipe: each calls what a command by hand would, and fills a folder."""

from __future__ import annotations

import logging
import shutil
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, cast

import pandas as pd

from rfcx_audio.commands import calibrate, ensemble, evaluate, predict, prevalence
from rfcx_audio.commands.place_and_time import infos_of_audio
from rfcx_audio.commands.recipe_inputs import Unlabelled, step_config
from rfcx_audio.config import DictConfig, build, variant
from rfcx_audio.data import AudioReader, add_to_table, read_annotations
from rfcx_audio.encoders import EncoderFrontend
from rfcx_audio.experiment import OUT_OF_FOLD, crossval
from rfcx_audio.experiment.encoders import has_encoder, with_encoder
from rfcx_audio.scores import Scores, draw_prevalence
from rfcx_audio.scores import evaluate as measure
from rfcx_audio.scoring import Embedder
from rfcx_audio.scoring.archive import RECORDINGS, LocalEngine, embed_archive
from rfcx_audio.screen import print_table
from rfcx_audio.whole_files import save_picture

_log = logging.getLogger(__name__)
SCORES, THRESHOLDS, FAILURES = "scores.parquet", "thresholds.csv", "failures.csv"
_FOLDS_OF_CALIBRATION = 5
_OWN_KEYS = ("recordings", "complete_labels", "precision")


class Places(NamedTuple):
    """Where the results of a recipe are.

    Attributes:
        folder: of all.
        is_scored: whether recordings without labels are scored.
    """

    folder: Path
    is_scored: bool

    @property
    def oof(self) -> Path:
        """The out-of-fold scores."""
        return self.folder / "folds" / OUT_OF_FOLD

    @property
    def checkpoints(self) -> list[Path]:
        """Of the folds' models; none before they are trained."""
        found = self.folder.glob("folds/fold_*/checkpoints/best.ckpt")
        return sorted(found, key=lambda path: int(path.parts[-3].removeprefix("fold_")))

    @property
    def scores(self) -> dict[str, Path]:
        """The scores of recordings without labels, by what was done to them."""
        if not self.is_scored:
            return {}
        return {
            "mean of the models": self.folder / "scores" / SCORES,
            "calibrated": self.folder / "calibration" / SCORES,
            "corrected to the estimated prevalence (TRANSDUCTIVE)": (
                self.folder / "prevalence" / SCORES
            ),
        }

    @property
    def thresholds(self) -> Path:
        """Of the species."""
        return self.folder / "calibration" / THRESHOLDS


def train_folds(config: DictConfig, folder: Path) -> None:
    """Trains a model a fold, see `crossval`; its settings are those of the recipe without its own.

    Args:
        config: of the recipe.
        folder: of the folds.
    """
    own = dict.fromkeys(_OWN_KEYS)
    crossval(variant(config, {**own, "folder": str(folder), "paths.output_dir": str(folder)}))


def score(config: DictConfig, places: Places, unlabelled: Unlabelled, folder: Path) -> None:
    """Scores recordings without labels by every model, and takes the mean.

    The sound of heads on features is embedded once for all of them.

    Args:
        config: of the recipe.
        places: of its results.
        unlabelled: recordings.
        folder: receives the mean, and in `fold_0`, `fold_1`, … the scores of each model.
    """
    if unlabelled.labelled:
        _log.warning(
            "%d of the %d recordings in %s have labels and are left out: some models were trained "
            "on them; %s has their scores by the others",
            *(len(unlabelled.labelled), len(unlabelled.labelled) + len(unlabelled.paths)),
            *(unlabelled.place, places.oof),
        )
    what = _listed(unlabelled, folder)
    if has_encoder(config):
        what = {"store": _embedded(config, unlabelled, what, folder / "embeddings")}
    members = []
    for fold, checkpoint in enumerate(places.checkpoints):
        place = folder / f"fold_{fold}"
        _log.info("model %d of %d", fold + 1, len(places.checkpoints))
        predict.score(step_config("predict", place, checkpoint=checkpoint, **what))
        members.append(str(place / SCORES))
    ensemble.run(
        step_config("ensemble", folder, scores=members, sample_submission=_sample(unlabelled))
    )
    for name in (RECORDINGS, FAILURES):
        shutil.copy2(folder / "fold_0" / name, folder / name)


def calibrate_scores(
    config: DictConfig, places: Places, labels: dict[str, Any], folder: Path
) -> None:
    """A calibration and thresholds from the out-of-fold scores, and calibrated scores.

    Args:
        config: of the recipe.
        places: of its results.
        labels: keys of the labels, see `label_keys_of`.
        folder: to fill.
    """
    recordings = len(Scores.read(places.oof).recordings)
    raw = next(iter(places.scores.values()), None)
    keys = {**labels, "oof": places.oof, "scores": raw, "precision": config.precision}
    keys |= {"seed": config.seed, "num_folds": min(_FOLDS_OF_CALIBRATION, recordings)}
    calibrate.run(step_config("calibrate", folder, **keys))
    if raw is not None:
        for name in (RECORDINGS, FAILURES):
            shutil.copy2(raw.parent / name, folder / name)


def correct(
    config: DictConfig,
    places: Places,
    labels: dict[str, Any],
    unlabelled: Unlabelled,
    folder: Path,
) -> None:
    """The prevalence in recordings without labels, and scores corrected to it: TRANSDUCTIVE.

    Args:
        config: of the recipe.
        places: of its results.
        labels: keys of the labels, see `label_keys_of`.
        unlabelled: recordings.
        folder: to fill.
    """
    raw = next(iter(places.scores.values()))
    keys = {**labels, "scores": raw, "oof": places.oof, "seed": config.seed}
    prevalence.run(step_config("prevalence", folder, **keys))
    lines, _ = Scores.read(folder / SCORES).submission(unlabelled.sample)
    lines.to_csv(folder / "submission.csv", index=False)


def evaluate_scores(
    config: DictConfig,
    places: Places,
    labels: dict[str, Any],
    unlabelled: Unlabelled | None,
    folder: Path,
) -> None:
    """Metrics of the out-of-fold scores and, where their truth is known, of the others.

    Args:
        config: of the recipe.
        places: of its results.
        labels: keys of the labels, see `label_keys_of`.
        unlabelled: recordings, if any.
        folder: receives `out_of_fold/`, and with a truth `truth/`, `metrics.csv` and
            `prevalence.png`.
    """
    keys = {"thresholds": places.thresholds, "seed": config.seed}
    evaluate.run(
        step_config("evaluate", folder / "out_of_fold", scores=places.oof, **labels, **keys)
    )
    if unlabelled is None or unlabelled.truth is None:
        return
    _against_truth(config, places, unlabelled.truth, folder)
    truth = {"labels": unlabelled.truth, "species": labels["species"], "complete": True}
    scores = places.scores["calibrated"]
    evaluate.run(step_config("evaluate", folder / "truth", scores=scores, **truth, **keys))


def _against_truth(config: DictConfig, places: Places, truth: Path, folder: Path) -> None:
    """One table of the metrics of all scores, and the picture of the prevalence."""
    species_file = config.data.source.species_file
    raw = Scores.read(next(iter(places.scores.values())))
    keys = {"complete_labels": truth, "species": species_file}
    share = prevalence.true_prevalence(step_config("prevalence", folder, **keys), raw.pool())
    found = prevalence.read_prevalence(
        str(places.folder / "prevalence" / "prevalence.csv"), raw.species
    )
    picture = draw_prevalence(found, share, "true prevalence", raw.species)
    save_picture(picture, folder / "prevalence.png")
    annotations = read_annotations(
        truth, raw.species, species_file, recordings=raw.recordings, complete=True
    )
    tables = {
        name: measure(Scores.read(path), annotations, seed=config.seed).metrics
        for name, path in places.scores.items()
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
    growing = embed_archive(LocalEngine(), load, unlabelled.paths, folder)
    growing.join()
    add_to_table(infos, folder / RECORDINGS)
    growing.check_some_kept()
    return folder


def _sample(unlabelled: Unlabelled) -> str | None:
    return None if unlabelled.sample is None else str(unlabelled.sample)
