"""How frequent species are in unlabelled recordings.

TRANSDUCTIVE: the scores of a recording depend on all recordings that are scored with it.
"""

from __future__ import annotations

import logging
from pathlib import Path

import pandas as pd
import torch
from rich.console import Console
from torch import Tensor

from rfcx_audio.config import DictConfig
from rfcx_audio.data import read_annotations
from rfcx_audio.scores import (
    Prevalence,
    Scores,
    confidence,
    draw_prevalence,
    implied_prior,
    mean_prevalence,
    prior_correction,
    rich_table,
    shrunk_prevalence,
    unlabelled_prevalence,
)
from rfcx_audio.whole_files import save_picture

_log = logging.getLogger(__name__)


def estimates_of(config: DictConfig, pooled: Scores) -> Prevalence:
    """The estimates, made here and checked by another estimator, or read.

    Args:
        config: of the command.
        pooled: of unlabelled recordings.

    Raises:
        ValueError: there are too few bootstrap samples; neither out-of-fold scores with labels nor
            estimates are given, or both; or the out-of-fold scores are pooled otherwise.
    """
    known = (config.oof, config.labels)
    if (config.prevalence is None) == (known == (None, None)) or (None in known and any(known)):
        raise ValueError("give either oof=… and labels=…, or prevalence=…")
    num_species = len(pooled.species)
    if config.prevalence is not None:
        places = [config.prevalence] if isinstance(config.prevalence, str) else config.prevalence
        return mean_prevalence([read_prevalence(place, num_species) for place in places])
    oof = Scores.read(config.oof)
    annotations = read_annotations(config.labels, len(oof.species), config.species)
    settings = (config.estimator, config.num_bootstrap, config.min_overlap, config.seed)
    return unlabelled_prevalence(pooled, oof, annotations, *settings)


def read_prevalence(path: str, num_species: int) -> Prevalence:
    """The estimates that this command wrote.

    Raises:
        ValueError: they are of other species.
    """
    table = pd.read_csv(path).sort_values("species_id")
    if table["species_id"].tolist() != list(range(num_species)):
        raise ValueError(f"{path} has {len(table)} species, the scores {num_species}")
    columns = (table[name].to_numpy("float64", copy=True) for name in Prevalence._fields)
    return Prevalence(*(torch.from_numpy(column) for column in columns))


def true_prevalence(config: DictConfig, pooled: Scores) -> Tensor:
    """(species,): in which share of the recordings complete truth has each species.

    Raises:
        ValueError: the labels are partial.
    """
    annotations = read_annotations(config.complete_labels, len(pooled.species), config.species)
    if not annotations.complete:
        raise ValueError(
            f"complete_labels={config.complete_labels} is partial: a true prevalence needs every "
            "call, as in truth.csv"
        )
    return pooled.labelled_by(annotations)[1].target.double().mean(0)


def run(config: DictConfig) -> None:
    """The command."""
    scores = Scores.read(config.scores)
    made_of = [one["made_with"] for one in scores.metadata.get("members", [])]
    if any("prior_correction" in one for one in (scores.metadata, *made_of)):
        raise ValueError(f"{config.scores} is corrected already; give what it was made from")
    folder, pooled = Path(config.paths.output_dir), scores.pool()
    found = estimates_of(config, pooled)
    share = confidence(found, config.shift_std)
    prior = shrunk_prevalence(pooled.tensor, found, share)
    made_under = implied_prior(pooled.tensor, prior)

    folder.mkdir(parents=True, exist_ok=True)
    observed = pooled.tensor.double().mean(0)
    columns = {"observed": observed, **found._asdict(), "confidence": share, "prior": prior}
    lines = pd.DataFrame({name: values.numpy() for name, values in columns.items()})
    lines.insert(0, "species_id", range(len(scores.species)))
    lines.to_csv(folder / "prevalence.csv", index=False)
    against, label = observed, "mean of the raw scores"
    if config.complete_labels is not None:
        against, label = true_prevalence(config, pooled), "true prevalence"
    picture = draw_prevalence(found, against, label, scores.species)
    save_picture(picture, folder / "prevalence.png")

    how = config.estimator if config.prevalence is None else str(config.prevalence)
    correction = {"transductive": True, "source": how, "prior": prior.tolist()}
    correction["made_under"] = made_under.tolist()
    values = prior_correction(scores.tensor, prior, made_under)
    corrected = scores.with_values(values, prior_correction=correction)
    corrected.write(folder / "scores.parquet")
    shown = lines.assign(species_id=scores.species)
    Console().print(rich_table(shown, f"prevalence in {len(pooled)} unlabelled recordings"))
    _log.warning("TRANSDUCTIVE: the scores in %s use all of these recordings", folder)
