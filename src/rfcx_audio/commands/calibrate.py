"""A calibration and thresholds from out-of-fold scores."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import torch

from rfcx_audio.batch import Labels
from rfcx_audio.commands.labels import labels_of
from rfcx_audio.config import DictConfig
from rfcx_audio.scores import (
    Calibration,
    Goal,
    Scores,
    calibration_table,
    check_labels,
    check_raw,
    check_unseen,
    common_settings,
    cross_fitted,
    draw_reliability,
    fit_calibration,
    join,
    prior_correction,
    prior_metadata,
    read_prior,
    thresholds,
)
from rfcx_audio.screen import print_table
from rfcx_audio.whole_files import save_picture

_log = logging.getLogger(__name__)


def read_raw(path: str) -> Scores:
    """Probabilities that no calibration has touched, in the order of their keys.

    Raises:
        ValueError: the scores are calibrated or corrected already, or no table of scores.
    """
    scores = Scores.read(path)
    check_raw(scores, path)
    joined = join({path: scores})
    return Scores(joined.keys, joined.values[0].numpy(), joined.species, scores.metadata)


def goal_of(config: DictConfig) -> Goal:
    """The goal of the thresholds.

    Raises:
        ValueError: there is not one.
    """
    if (config.precision is None) == (config.f_beta is None):
        raise ValueError("give either precision=… f_beta=null, or precision=null f_beta=…")
    if config.precision is None:
        return Goal("f_beta", float(config.f_beta))
    return Goal("precision", float(config.precision))


def calibrated(config: DictConfig, calibration: Calibration, oof: Scores) -> Scores:
    """`scores`, calibrated and, if a prior is given, corrected to it."""
    raw = read_raw(config.scores)
    stated = {config.oof: oof.metadata, config.scores: raw.metadata}
    common_settings(stated, mixed_frontends=True)
    scores = calibration.apply(raw)
    if config.prior is None:
        return scores
    q = calibration.of_species(scores.species).prevalence
    prior = read_prior(Path(config.prior), scores.species)
    values = prior_correction(scores.tensor, prior, q)
    _log.warning("TEST-INFORMED: the scores are corrected to the prior in %s", config.prior)
    return scores.with_values(values, prior_correction=prior_metadata(prior, q, config.prior))


def run(config: DictConfig) -> None:
    """The command."""
    if config.prior is not None and config.scores is None:
        raise ValueError("prior=… corrects the scores of scores=…, which is not given")
    goal, folder = goal_of(config), Path(config.paths.output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    oof = read_raw(config.oof)
    check_unseen(oof, config.oof)
    annotations = labels_of(config, oof.species, oof.recordings)
    check_labels(oof.recordings, annotations)
    known, labels = oof.labelled_by(annotations, config.min_overlap)
    generator = torch.Generator().manual_seed(config.seed)
    fitted = fit_calibration(known.tensor, labels, config.method, config.min_cells)
    calibration = fitted._replace(names=known.species)
    after = cross_fitted(
        known, labels, generator, config.method, config.min_cells, config.num_folds
    )
    judged = Labels(labels.target, torch.where(after.isnan(), 0, labels.known))
    lost = int(((labels.known > 0) & after.isnan()).sum())
    if lost:
        _log.warning(
            "%d of %d known cells are in neither the errors below nor reliability.png: without "
            "their recordings, no presence or no absence is known. The calibration has all",
            *(lost, int((labels.known > 0).sum())),
        )
    (folder / "calibration.json").write_text(json.dumps(calibration.to_dict(), indent=2) + "\n")
    save_picture(draw_reliability(known.tensor, after, judged), folder / "reliability.png")
    chosen = thresholds(known, labels, goal, generator, config.num_bootstrap)
    raw = torch.from_numpy(chosen["threshold"].to_numpy(copy=True))
    chosen.insert(4, "calibrated", calibration(raw[None])[0].numpy())
    chosen.to_csv(folder / "thresholds.csv", index=False)
    if config.scores is not None:
        calibrated(config, calibration, oof).write(folder / "scores.parquet")
    shown = chosen[["species", "threshold", "low", "high", "precision", "recall"]]
    print_table(shown, f"thresholds on the raw scores, {goal.kind} {goal.value:g}")
    title = f"{config.method}, each recording calibrated by the others, labelled windows only"
    print_table(calibration_table(known.tensor, after, judged, known.species), title)
    without = int(chosen["threshold"].isna().sum())
    if without:
        _log.warning("%d species have no such threshold; thresholds.csv gives the reason", without)
    _log.info("the calibration is in %s", folder)
