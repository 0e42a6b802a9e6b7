"""`python -m rfcx_audio.calibrate`: a calibration and thresholds from out-of-fold scores."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from rich.console import Console

from rfcx_audio.batch import Labels
from rfcx_audio.callbacks import rich_table
from rfcx_audio.config import DictConfig, entry_point
from rfcx_audio.inference import (
    Calibration,
    Goal,
    JoinedScores,
    calibration_table,
    common_settings,
    cross_fitted,
    draw_reliability,
    fit_calibration,
    join_scores,
    prior_correction,
    prior_metadata,
    read_known,
    read_prior,
    read_scores,
    save_picture,
    thresholds,
    write_scores,
)

_log = logging.getLogger(__name__)


def read_raw(path: str) -> tuple[JoinedScores, dict[str, Any]]:
    """Scores that no calibration has touched, and their metadata.

    Raises:
        ValueError: the scores are calibrated or corrected already, or no table of scores.
    """
    table, made_with = read_scores(Path(path))
    if "calibration" in made_with:
        raise ValueError(f"{path} is calibrated already; give the scores that it was made from")
    if "prior_correction" in made_with:
        raise ValueError(
            f"{path} is corrected to a prior already; give the scores that it was made from"
        )
    return join_scores({path: table}), made_with


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


def write_calibrated(
    config: DictConfig, calibration: Calibration, made_with: dict[str, Any], path: Path
) -> None:
    """Writes the scores of `apply`, calibrated and, if a prior is given, corrected to it."""
    joined, applied_to = read_raw(config.apply)
    stated = {config.scores: made_with, config.apply: applied_to}
    common_settings(stated, mixed_frontends=True)
    values = calibration(joined.scores[0])
    told = {**applied_to, "calibration": calibration.to_dict()}
    if config.prior is not None:
        prior, q = read_prior(Path(config.prior), len(joined.species)), calibration.prevalence
        values = prior_correction(values, prior, q)
        told["prior_correction"] = prior_metadata(prior, q, config.prior)
        _log.warning("TEST-INFORMED: the scores are corrected to the prior in %s", config.prior)
    table = joined.keys.join(pd.DataFrame(values.numpy(), columns=pd.Index(joined.species)))
    write_scores(table, path, told)


@entry_point("calibrate")
def main(config: DictConfig) -> None:
    """The command."""
    if config.prior is not None and config.apply is None:
        raise ValueError("prior=… corrects the scores of apply=…, which is not given")
    goal, folder = goal_of(config), Path(config.paths.output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    joined, made_with = read_raw(config.scores)
    labels = read_known(Path(config.truth), joined.keys, len(joined.species), config.min_overlap)
    told = labels.known.amax(1) > 0  # (windows,)
    scores, labels = joined.scores[0][told], Labels(labels.target[told], labels.known[told])
    recordings = joined.keys["recording_id"][told.numpy()].tolist()
    generator = torch.Generator().manual_seed(config.seed)
    calibration = fit_calibration(scores, labels, config.method, config.min_cells)
    calibrated = cross_fitted(
        scores, labels, recordings, generator, config.method, config.min_cells, config.num_folds
    )
    (folder / "calibration.json").write_text(json.dumps(calibration.to_dict(), indent=2) + "\n")
    save_picture(draw_reliability(scores, calibrated, labels), folder / "reliability.png")
    chosen = thresholds(scores, labels, recordings, goal, generator, config.resamples)
    raw = torch.from_numpy(chosen["threshold"].to_numpy(copy=True))
    chosen.insert(4, "calibrated", calibration(raw[None])[0].numpy())
    chosen.to_csv(folder / "thresholds.csv", index=False)
    if config.apply is not None:
        write_calibrated(config, calibration, made_with, folder / "scores.parquet")
    console = Console()
    shown = chosen[["species", "threshold", "low", "high", "precision", "recall"]]
    console.print(rich_table(shown, f"thresholds on the raw scores, {goal.kind} {goal.value:g}"))
    table = calibration_table(scores, calibrated, labels)
    title = f"{config.method}, each recording calibrated by the others, known windows only"
    console.print(rich_table(table, title))
    without = int(chosen["threshold"].isna().sum())
    if without:
        _log.warning("%d species have no such threshold; thresholds.csv says why", without)
    _log.info("the calibration is in %s", folder)


if __name__ == "__main__":
    main()
