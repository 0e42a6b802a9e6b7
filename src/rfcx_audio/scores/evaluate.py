"""How good scores are on labels, complete or partial."""

from __future__ import annotations

import logging
from typing import NamedTuple

import pandas as pd
import torch

from rfcx_audio.batch import Labels
from rfcx_audio.data import Annotations
from rfcx_audio.metric import compare, per_species, window_summary
from rfcx_audio.scores.known import check_labels, label_keys
from rfcx_audio.scores.leak import leaked_recordings
from rfcx_audio.scores.scores import Scores

_log = logging.getLogger(__name__)


class Evaluation(NamedTuple):
    """How good scores are.

    Attributes:
        metrics: one line, and beside complete truth one more for each baseline; `recordings` is
            the number of recordings that it is of. Beside partial labels it is of labelled
            windows, except `lwlrap`, of the `complete_recordings` if there are any.
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
        annotations: as `read_annotations` returns them; see `check_labels` for what does not match.
        min_overlap: of a row in a window, see `label_windows`.
        seed: of the random baseline beside complete truth.

    Raises:
        ValueError: no recording has both scores and annotations, or they label no window.
    """
    covered = check_labels(scores.recordings, annotations)
    leaked = leaked_recordings(scores)
    if leaked:
        _log.warning(
            "the metrics are optimistic: the model learned from pseudo-labels whose teachers saw "
            "the labels of %d of %d recordings",
            *(len(leaked), len(scores.recordings)),
        )
    whole = complete_recordings(scores, annotations)
    if set(covered) == set(whole[0].recordings):
        return evaluate_complete(*whole, seed)
    labelled = scores.labelled_by(annotations, min_overlap)
    found, species = evaluate_partial(*labelled)
    if len(whole[0]):
        of_whole = evaluate_complete(*whole, seed).metrics.loc["scores"]
        found["lwlrap"], found["lwlrap_shuffled"] = of_whole["lwlrap"], of_whole["lwlrap_shuffled"]
        found["complete_recordings"] = len(whole[0])
    return Evaluation(found, species)


def evaluate_complete(pooled: Scores, labels: Labels, seed: int) -> Evaluation:
    """Recordings against complete truth: beside the baselines, and by species.

    Args:
        pooled: scores of recordings, at least one.
        labels: (recordings, species) each, everything known.
        seed: of the random baseline.
    """
    generator = torch.Generator().manual_seed(seed)
    table = compare({"scores": pooled.tensor}, labels.target, generator)
    table["recordings"] = len(pooled)
    species = per_species(pooled.tensor, *labels, pooled.species)
    return Evaluation(table, species)


def evaluate_partial(windows: Scores, labels: Labels) -> Evaluation:
    """Windows against partial labels: metrics over the labelled cells, and by species.

    Args:
        windows: with a known cell each.
        labels: (windows, species) each.
    """
    summary = window_summary(windows.tensor, *labels)
    for what in ("present", "absent"):
        if not summary[f"cells_{what}"]:
            _log.warning(
                "no known cell is %s: AUC, average precision and half of the log loss are "
                "undefined (nan); label such windows, or state in complete=… where every call is "
                "marked",
                what,
            )
    table = pd.DataFrame([{**summary, "recordings": len(windows.recordings)}])
    species = per_species(windows.tensor, *labels, windows.species)
    return Evaluation(table, species)


def complete_recordings(scores: Scores, annotations: Annotations) -> tuple[Scores, Labels]:
    """The recordings whose truth is complete for every scored species, pooled; maybe none.

    Args:
        scores: of windows, pooled as their metadata state; the last ends with the recording.
        annotations: see `label_keys`.
    """
    pooled, durations_s = scores.pool(), scores.ends_s
    species = len(scores.species)
    labels = label_keys(pooled.keys, species, annotations, 1.0, durations_s)
    # Not where every cell is known: a recording of which all species happen to be labelled present
    # has nothing to rank them above.
    where = annotations.complete
    whole_of = [where.whole(name, durations_s[name], species).all() for name in pooled.recordings]
    complete = torch.tensor(whole_of, dtype=torch.bool)  # (recordings,)
    whole = Labels(labels.target[complete], labels.known[complete])
    return pooled.rows(complete.numpy()), whole
