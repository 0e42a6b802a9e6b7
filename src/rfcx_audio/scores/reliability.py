"""Reliability diagrams, calibration error and log loss over known cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor

from rfcx_audio.batch import Labels
from rfcx_audio.colours import COLOURS
from rfcx_audio.scores.scores import species_columns

_EPS = 1e-7  # as in the library's other log losses


class Reliability(NamedTuple):
    """Known cells in bins of their score, of equal width over [0, 1].

    Attributes:
        score: (bins,) float64, mean in the bin; NaN in an empty one.
        present: (bins,) float64, share of presences in the bin; NaN in an empty one.
        weight: (bins,) float64, sum of `known`.
    """

    score: Tensor
    present: Tensor
    weight: Tensor


def reliability_bins(scores: Tensor, labels: Labels, num_bins: int = 15) -> Reliability:
    """The share of presences by score.

    Args:
        scores: (rows, species) in [0, 1].
        labels: (rows, species) each; present means a target of at least 0.5; `known` weights the
            cells.
        num_bins: a score on an edge belongs to the bin above it.
    """
    known = labels.known > 0
    weight, values = labels.known[known].double(), scores[known].double()
    present = (labels.target[known] >= 0.5).double()
    place = (values * num_bins).long().clamp(0, num_bins - 1)

    def summed(part: Tensor) -> Tensor:
        return torch.zeros(num_bins, dtype=torch.float64).scatter_add_(0, place, weight * part)

    total = summed(torch.ones_like(values))
    return Reliability(summed(values) / total, summed(present) / total, total)


def calibration_error(found: Reliability) -> float:
    """Expected calibration error: mean |score - share of presences| over cells; NaN without any.

    Source: Naeini et al. (2015), doi:10.1609/aaai.v29i1.9602, for the probability of presence
        instead of that of the predicted class. With few cells it is biased upwards.
    """
    distance = (found.score - found.present).abs().nan_to_num() * found.weight
    return float(distance.sum() / found.weight.sum())


def known_log_loss(scores: Tensor, labels: Labels) -> float:
    """The mean log loss in nats over known cells, weighted by `known`; NaN without any.

    Unlike in `masked_log_loss`, presences and absences are not balanced: only then do calibrated
    probabilities minimise the loss.

    Args:
        scores: (rows, species) in [0, 1].
        labels: (rows, species) each; present means a target of at least 0.5.
    """
    p = scores.double().clamp(_EPS, 1 - _EPS)
    weight = labels.known.double()
    cost = -torch.where(labels.target >= 0.5, p.log(), (1 - p).log())
    return float(torch.where(weight > 0, weight * cost, 0).sum() / weight.sum())


def calibration_table(
    raw: Tensor, calibrated: Tensor, labels: Labels, names: Sequence[str] | None = None
) -> pd.DataFrame:
    """Calibration error (`ece`) and log loss before and after, by species and for `all` cells.

    Args:
        raw: (rows, species) in [0, 1].
        calibrated: (rows, species) in [0, 1], from `cross_fitted`; otherwise the result is
            optimistic.
        labels: (rows, species) each.
        names: of the species; None: `s0`, `s1`, …
    """
    lines, names = [], species_columns(raw.shape[1]) if names is None else names
    every = [slice(n, n + 1) for n in range(raw.shape[1])] + [slice(None)]
    for name, which in zip([*names, "all"], every, strict=True):
        own = Labels(labels.target[:, which], labels.known[:, which])
        line: dict[str, float | str] = {"species": name}
        for when, scores in (("before", raw[:, which]), ("after", calibrated[:, which])):
            line[f"ece_{when}"] = calibration_error(reliability_bins(scores, own))
            line[f"log_loss_{when}"] = known_log_loss(scores, own)
        lines.append(line)
    return pd.DataFrame(lines)


def draw_reliability(raw: Tensor, calibrated: Tensor, labels: Labels, num_bins: int = 15) -> Figure:
    """A reliability diagram of raw and calibrated scores, above the histogram of scores.

    Args:
        raw: (rows, species) in [0, 1].
        calibrated: (rows, species) in [0, 1], from `cross_fitted`; otherwise the result is
            optimistic.
        labels: (rows, species) each; only known cells are drawn.
        num_bins: of equal width.
    """
    figure = Figure(figsize=(9, 8), layout="constrained")
    FigureCanvasAgg(figure)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    upper.plot([0, 1], [0, 1], color="grey", linestyle="--", linewidth=1)
    edges = np.linspace(0, 1, num_bins + 1)
    drawn = (("raw", raw, COLOURS[5], "o"), ("calibrated", calibrated, COLOURS[0], "s"))
    for name, scores, colour, marker in drawn:
        found = reliability_bins(scores, labels, num_bins)
        filled = found.weight > 0
        label = f"{name} (error {calibration_error(found):.3f})"
        upper.plot(
            found.score[filled],
            found.present[filled],
            marker=marker,
            color=colour,
            label=label,
        )
        lower.stairs(found.weight.numpy(), edges, color=colour, label=name, linewidth=1.5)
    cells, species = int((labels.known > 0).sum()), raw.shape[1]
    upper.set_title(f"{cells} known cells of {species} species")
    upper.set_ylabel("share of presences")
    upper.set_ylim(-0.02, 1.02)
    upper.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0))
    lower.set_yscale("symlog")
    lower.set_ylabel("known cells")
    lower.set_xlabel("mean score of a bin")
    for axes in (upper, lower):
        axes.grid(alpha=0.3)
    return figure
