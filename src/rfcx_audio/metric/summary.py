"""Metrics of whole tables of scores, beside those of baselines."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import torch
from torch import Tensor

from rfcx_audio.metric.baselines import prior_scores, random_scores, shuffled
from rfcx_audio.metric.lwlrap import label_precision, lwlrap
from rfcx_audio.metric.masked import average_precision, masked_auroc, masked_log_loss

RANDOM, PRIOR = "random", "prior only (true prevalence)"


def recording_summary(
    scores: Tensor, target: Tensor, generator: torch.Generator
) -> dict[str, float]:
    """Metrics of recordings whose truth is complete.

    Args:
        scores: (recordings, species).
        target: (recordings, species), 1 present, 0 absent.
        generator: of the shuffle.

    Returns:
        `lwlrap`; `lwlrap_shuffled`, the same with the scores' rows permuted over the recordings,
        which is the value of their mean ranking of the species alone; macro `auc` and
        `average_precision`, which do not depend on the prevalence.
    """
    values = {
        "lwlrap": lwlrap(scores, target),
        "lwlrap_shuffled": lwlrap(shuffled(scores, generator), target),
        "auc": masked_auroc(scores, target).nanmean(),
        "average_precision": average_precision(scores, target).nanmean(),
    }
    return {name: float(value) for name, value in values.items()}


def compare(named: dict[str, Tensor], target: Tensor, generator: torch.Generator) -> pd.DataFrame:
    """Metrics of several tables of scores, after those of random and prior-only ranking.

    Args:
        named: (recordings, species) scores by name.
        target: (recordings, species), complete truth.
        generator: of the random scores and the shuffles.

    Returns:
        One row a table of scores, one column a metric; see `recording_summary`.
    """
    tables = {
        RANDOM: random_scores(len(target), target.shape[1], generator),
        PRIOR: prior_scores(target),
        **named,
    }
    return pd.DataFrame(
        {name: recording_summary(scores, target, generator) for name, scores in tables.items()}
    ).T


def window_summary(scores: Tensor, target: Tensor, known: Tensor) -> dict[str, float]:
    """Metrics of windows whose truth is partial; only known cells count.

    Args:
        scores: (windows, species) in [0, 1].
        target: (windows, species).
        known: (windows, species), 0 = unknown.

    Returns:
        Macro `auc`; `log_loss_present`, `log_loss_absent` and their mean `log_loss`; the numbers
        of known cells of either kind.
    """
    labelled = known > 0
    return {
        "auc": float(masked_auroc(scores, target, known).nanmean()),
        "log_loss": float(masked_log_loss(scores, target, known, "balanced")),
        "log_loss_present": float(masked_log_loss(scores, target, known, "present")),
        "log_loss_absent": float(masked_log_loss(scores, target, known, "absent")),
        "cells_present": float((labelled & (target >= 0.5)).sum()),
        "cells_absent": float((labelled & (target < 0.5)).sum()),
    }


def per_species(
    scores: Tensor, target: Tensor, known: Tensor, names: Sequence[str] | None = None
) -> pd.DataFrame:
    """Metrics of each species.

    Args:
        scores: (n, species).
        target: (n, species).
        known: (n, species), 0 = unknown.
        names: of the species; None: their numbers.

    Returns:
        `species`, the numbers of known `present` and `absent` cells, the mean precision `lwlrap`
        at the species' labels where all cells are known (beside unknown ones, the fewer absences
        are known the better any ranking looks), `auc` and `average_precision`; NaN where labels
        cannot define one.
    """
    labelled = known > 0
    table = pd.DataFrame(
        {
            "species": range(target.shape[1]) if names is None else list(names),
            "present": (labelled & (target >= 0.5)).sum(0).tolist(),
            "absent": (labelled & (target < 0.5)).sum(0).tolist(),
            "auc": masked_auroc(scores, target, known).tolist(),
            "average_precision": average_precision(scores, target, known).tolist(),
        }
    )
    if labelled.all():
        table.insert(3, "lwlrap", label_precision(scores, target).precision.tolist())
    return table
