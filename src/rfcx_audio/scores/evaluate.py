"""How good scores are on labels, complete or partial."""

from __future__ import annotations

import logging
from typing import NamedTuple

import pandas as pd
import torch

from rfcx_audio.data import Annotations
from rfcx_audio.metric import compare, per_species, window_summary
from rfcx_audio.scores.scores import Scores

_log = logging.getLogger(__name__)


class Evaluation(NamedTuple):
    """How good scores are.

    Attributes:
        metrics: one line, and beside complete truth one more for each baseline.
        species: one line a species.
    """

    metrics: pd.DataFrame
    species: pd.DataFrame


def evaluate(
    scores: Scores, annotations: Annotations, min_overlap: float = 0.5, seed: int = 0
) -> Evaluation:
    """Metrics of scores: of recordings where the truth is complete, else of labelled windows.

    >>> windows = rfcx_audio.Scores.of_windows("dawn", [0.0, 3.0], 6.0, [[0.1, 0.8], [0.3, 0.2]])
    >>> metrics, species = rfcx_audio.evaluate(windows, rfcx_audio.read_annotations("truth.csv"))
    >>> metrics.loc["scores", "lwlrap"].item()
    1.0

    Args:
        scores: of windows.
        annotations: as `read_annotations` returns them; rows of recordings without scores are
            passed over.
        min_overlap: of partial labels, see `label_windows`.
        seed: of the random baseline beside complete truth.

    Raises:
        ValueError: partial labels label no window.
    """
    if annotations.complete:
        return evaluate_complete(scores, annotations, seed)
    return evaluate_partial(scores, annotations, min_overlap)


def evaluate_complete(scores: Scores, annotations: Annotations, seed: int) -> Evaluation:
    """Recordings against complete truth: beside the baselines, and by species.

    Args:
        scores: of windows, pooled as their metadata state.
        annotations: complete; recordings without a row hold no species.
        seed: of the random baseline.
    """
    pooled, labels = scores.pool().labelled_by(annotations)
    silent = sorted(set(pooled.recordings) - set(annotations.rows["recording_id"]))
    if silent:
        _log.warning("%d recordings have no call, the first %r", len(silent), silent[0])
    generator = torch.Generator().manual_seed(seed)
    table = compare({"scores": pooled.tensor}, labels.target, generator)
    return Evaluation(table, per_species(pooled.tensor, *labels))


def evaluate_partial(scores: Scores, annotations: Annotations, min_overlap: float) -> Evaluation:
    """Windows against partial labels: metrics over the labelled cells, and by species.

    Args:
        scores: of windows.
        annotations: rows of recordings without scores are passed over.
        min_overlap: see `label_windows`.

    Raises:
        ValueError: no window is labelled.
    """
    windows, labels = scores.labelled_by(annotations, min_overlap)
    summary = pd.DataFrame([window_summary(windows.tensor, *labels)])
    return Evaluation(summary, per_species(windows.tensor, *labels))
