"""The prevalence in unlabelled recordings, from their scores and labelled ones."""

from __future__ import annotations

from rfcx_audio.data import Annotations
from rfcx_audio.scores.known_scores import known_beside
from rfcx_audio.scores.prevalence import Prevalence, estimate_prevalence
from rfcx_audio.scores.scores import Scores


def unlabelled_prevalence(
    scores: Scores, oof: Scores, annotations: Annotations, min_overlap: float = 0.5
) -> Prevalence:
    """How frequent each species is in unlabelled recordings, with intervals.

    >>> calls = rfcx_audio.read_annotations("truth.csv")
    >>> known = rfcx_audio.Scores.of_windows("dawn", [0.0], 6.0, [[0.1, 0.9]])
    >>> unlabelled = rfcx_audio.Scores.of_windows("dusk", [0.0], 6.0, [[0.1, 0.8]])
    >>> found = rfcx_audio.unlabelled_prevalence(unlabelled, known, calls)
    >>> found.low <= found.high
    tensor([True, True])

    Args:
        scores: of the unlabelled recordings, all that are of interest together.
        oof: of windows that are labelled, by a model that was not trained on them.
        annotations: of the recordings of `oof`.
        min_overlap: see `label_windows`.

    Raises:
        ValueError: `oof` is no out-of-fold evidence, or pooled otherwise than `scores`; or no
            recording of `oof` has annotations.
    """
    known = known_beside(scores, oof, annotations, min_overlap)
    return estimate_prevalence(scores.pool().tensor, known)
