"""The scores of known presences and absences, from which those of others are understood."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from rfcx_audio.data import Annotations
from rfcx_audio.scores.known import check_labels, label_keys
from rfcx_audio.scores.leak import check_unseen
from rfcx_audio.scores.pool import Pool, pool_windows
from rfcx_audio.scores.scale import scale_of
from rfcx_audio.scores.scores import Scores


class KnownScores(NamedTuple):
    """Scores of known presences and absences; NaN where there is none.

    Attributes:
        present: (recordings, species) pooled score of a recording where the species is present.
        absent: (recordings, species) highest score of the windows labelled absent.
        share: (recordings, species) in [0, 1], share of the recording's windows labelled absent.
    """

    present: Tensor
    absent: Tensor
    share: Tensor


def known_scores(
    scores: Scores, annotations: Annotations, pool: Pool, min_overlap: float
) -> KnownScores:
    """The scores of known presences and absences.

    Args:
        scores: of windows.
        annotations: see `check_labels` for what does not match.
        pool: of the windows of a recording.
        min_overlap: see `label_windows`.

    Raises:
        ValueError: no recording has both scores and annotations.
    """
    scores = scores.rows_of(check_labels(scores.recordings, annotations))
    labels = label_keys(scores.keys, len(scores.species), annotations, min_overlap)
    found: list[tuple[Tensor, Tensor, Tensor]] = []
    for places in scores.places.values():
        values, target = torch.from_numpy(scores.values[places]).double(), labels.target[places]
        known = labels.known[places] > 0  # (windows, species)
        present, lacks = (known & (target >= 0.5)).any(0), known & (target < 0.5)
        highest = torch.where(lacks, values, -1).amax(0)
        found.append(
            (
                pool_windows(values, pool).masked_fill(~present, torch.nan),
                highest.masked_fill(~lacks.any(0), torch.nan),
                lacks.double().mean(0),
            )
        )
    return KnownScores(*(torch.stack(part) for part in zip(*found, strict=True)))


def known_beside(
    scores: Scores, oof: Scores, annotations: Annotations, min_overlap: float
) -> KnownScores:
    """Known scores that may be compared with others, see `unlabelled_prevalence`."""
    check_unseen(oof, "oof")
    oof_pool, pool = oof.metadata.get("pool", "max"), scores.metadata.get("pool", "max")
    if oof_pool != pool:
        raise ValueError(
            f"the out-of-fold scores are pooled by {oof_pool}, those of the unlabelled recordings "
            f"by {pool}: predict with pool={oof_pool}"
        )
    scale, oof_scale = scale_of(scores.metadata), scale_of(oof.metadata)
    if scale != oof_scale:
        raise ValueError(
            f"the out-of-fold scores are {oof_scale}, those of the unlabelled recordings {scale}: "
            "give scores to which the same was done"
        )
    return known_scores(oof, annotations, pool, min_overlap)
