"""Many measures of a validation with partial truth, each a single number."""

from __future__ import annotations

import torch
from torch import Tensor

from rfcx_audio.metric.lwlrap import lwlrap
from rfcx_audio.metric.masked import (
    average_precision,
    masked_auroc,
    masked_log_loss,
    pooled_auroc,
)
from rfcx_audio.metric.truth import checked_cells
from rfcx_audio.metric.unlabelled import any_by, as_unlabelled

_EPS = 1e-7


def partial_summary(
    scores: Tensor, target: Tensor, known: Tensor, recording: Tensor, pooled: Tensor
) -> dict[str, float]:
    """Every measure that partial truth defines, by name.

    Args:
        scores: (windows, species), probabilities.
        target: (windows, species) in [0, 1].
        known: (windows, species), 0 = unknown.
        recording: (windows,) int64 from 0, the recording of each window.
        pooled: (recordings, species), the recordings' scores.

    Returns:
        Of known cells: `auc` and `average_precision`, species by species; `auc_pooled`, of all
        species' cells together; `log_loss` and its sides; `brier`, `accuracy` (at 0.5), each half
        of the presences and half of the absences; `lwlrap_known`, see `known_by_recording`, NaN
        without a known absence, beside which any ranking is perfect.
        With unlabelled cells as absent: `log_loss_unlabelled`; `auc_unlabelled`, see
        `as_unlabelled`, and `auc_unlabelled_pooled`, of all species together; `lwlrap_windows`,
        of the windows with a known presence; `lwlrap_partial`, of recordings.
        Of scores alone: `entropy`, the mean of a recording's cells, in nepers; `mean_score`, of all
        windows; `spread`, the standard deviation of a species' log-odds over the recordings.
    """
    _, present, absent = checked_cells(scores, target, known)
    sides = {side: masked_log_loss(scores, target, known, side) for side in ("present", "absent")}
    highest, states, labelled = known_by_recording(scores, target, known, recording)
    in_recording = any_by(present, recording, len(pooled))
    unlabelled = as_unlabelled(target, known, recording)
    certain = pooled.double().clamp(_EPS, 1 - _EPS)
    values = {
        "auc": masked_auroc(scores, target, known).nanmean(),
        "auc_pooled": pooled_auroc(scores, target, known),
        "average_precision": average_precision(scores, target, known).nanmean(),
        "log_loss": (sides["present"] + sides["absent"]) / 2,
        "log_loss_present": sides["present"],
        "log_loss_absent": sides["absent"],
        "brier": ((1 - scores[present]) ** 2).mean() / 2 + (scores[absent] ** 2).mean() / 2,
        "accuracy": (
            (scores[present] >= 0.5).double().mean() + (scores[absent] < 0.5).double().mean()
        )
        / 2,
        "lwlrap_known": lwlrap(highest, states, labelled) if absent.any() else torch.nan,
        "log_loss_unlabelled": _cross_entropy(scores, present),
        "auc_unlabelled": masked_auroc(scores, *unlabelled).nanmean(),
        "auc_unlabelled_pooled": pooled_auroc(scores, *unlabelled),
        "lwlrap_windows": lwlrap(scores, present.double()),
        "lwlrap_partial": lwlrap(pooled, in_recording.double()),
        "entropy": -(certain * certain.log() + (1 - certain) * (1 - certain).log()).mean(),
        "mean_score": scores.double().mean(),
        "spread": certain.logit().std(0).mean(),
    }
    return {name: float(value) for name, value in values.items()}


def known_by_recording(
    scores: Tensor, target: Tensor, known: Tensor, recording: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Recordings whose species are known as far as their windows are.

    Args:
        scores: (windows, species), of any scale.
        target: (windows, species) in [0, 1].
        known: (windows, species), 0 = unknown.
        recording: (windows,) int64 from 0, the recording of each window.

    Returns:
        (recordings, species) each: the highest score of the windows with a known presence of the
        species, or else of those with a known absence, or else 0; 1 where it is present; 1 where
        either is known.
    """
    scores, present, absent = checked_cells(scores, target, known)
    number = int(recording.max()) + 1
    is_present, is_absent = (any_by(cells, recording, number) for cells in (present, absent))
    counts = torch.where(is_present[recording], present, absent)
    index = recording[:, None].expand_as(scores)
    nothing = scores.new_full((number, scores.shape[1]), -torch.inf)
    highest = nothing.scatter_reduce(0, index, scores.masked_fill(~counts, -torch.inf), "amax")
    labelled = is_present | is_absent
    return highest.masked_fill(~labelled, 0), is_present.double(), labelled.double()


def _cross_entropy(scores: Tensor, present: Tensor) -> Tensor:
    """The mean log loss of all cells, in nepers, where what is not present is absent."""
    p = scores.double().clamp(_EPS, 1 - _EPS)
    return -torch.where(present, p.log(), (1 - p).log()).mean()
