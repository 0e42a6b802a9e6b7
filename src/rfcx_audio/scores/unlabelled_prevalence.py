"""The prevalence in unlabelled recordings, by two estimators of which one checks the other."""

from __future__ import annotations

import torch

from rfcx_audio.data import Annotations
from rfcx_audio.scores.leak import check_unseen
from rfcx_audio.scores.prevalence import Estimator, Prevalence, estimate_prevalence, known_scores
from rfcx_audio.scores.scores import Scores

_LEAST_BOOTSTRAP = 20


def unlabelled_prevalence(
    scores: Scores,
    oof: Scores,
    annotations: Annotations,
    estimator: Estimator = "mixture",
    num_bootstrap: int = 200,
    min_overlap: float = 0.5,
    seed: int = 0,
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
        estimator: which gives the estimate; another one checks it, and widens the interval.
        num_bootstrap: samples of the recordings, known and unlabelled, for the intervals.
        min_overlap: see `label_windows`.
        seed: of the samples.

    Raises:
        ValueError: there are too few samples; `oof` is no out-of-fold evidence, or pooled otherwise
            than `scores`; or no recording of `oof` has annotations.
    """
    if num_bootstrap < _LEAST_BOOTSTRAP:
        raise ValueError(
            f"num_bootstrap={num_bootstrap} makes no interval; give {_LEAST_BOOTSTRAP} or more"
        )
    check_unseen(oof, "oof")
    pooled, oof_pool = scores.pool(), oof.metadata.get("pool", "max")
    pool = pooled.metadata["pool"]
    if oof_pool != pool:
        raise ValueError(
            f"the out-of-fold scores are pooled by {oof_pool}, those of the unlabelled recordings "
            f"by {pool}: predict with pool={oof_pool}"
        )
    known = known_scores(oof, annotations, pool, min_overlap)
    generator = torch.Generator().manual_seed(seed)
    check: Estimator = "mixture" if estimator == "confusion" else "confusion"
    found, checked = (
        estimate_prevalence(pooled.tensor, known, generator, one, num_bootstrap)
        for one in (estimator, check)
    )
    return checked_prevalence(found, checked)


def checked_prevalence(found: Prevalence, check: Prevalence) -> Prevalence:
    """An estimate with an interval that holds that of another estimator too.

    The bootstrap does not see what an estimator assumes wrongly; where two that assume different
    things disagree, the interval becomes wide.
    """
    low, high = torch.minimum(found.low, check.low), torch.maximum(found.high, check.high)
    return Prevalence(found.estimate, low, high)
