"""Picture of estimated prevalences beside true or observed ones."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor

from rfcx_audio.colours import COLOURS
from rfcx_audio.scores.prevalence import LEVEL, Prevalence


def draw_prevalence(
    found: Prevalence, against: Tensor, label: str, species: Sequence[str]
) -> Figure:
    """Estimates with their intervals against another prevalence, on logit scales.

    >>> calls = rfcx_audio.read_annotations("truth.csv")
    >>> scores = rfcx_audio.Scores.of_windows("dawn", [0.0], 6.0, [[0.1, 0.9]])
    >>> found = rfcx_audio.unlabelled_prevalence(scores, scores, calls)
    >>> mean = scores.pool().tensor.mean(0)
    >>> figure = rfcx_audio.draw_prevalence(found, mean, "mean of the scores", scores.species)

    Args:
        found: an estimate.
        against: (species,) in [0, 1], the true prevalence, or the mean of the raw scores.
        label: of the axis of `against`.
        species: names.
    """
    figure = Figure(figsize=(7, 7), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    least = 2e-3  # a logit axis cannot show 0 and 1
    known = ~found.estimate.isnan()
    x, *shares = (v[known].clamp(least, 1 - least) for v in (against.double(), *found))
    y, low, high = shares
    axes.plot([least, 1 - least], [least, 1 - least], color="grey", linestyle="--", linewidth=1)
    axes.errorbar(
        x.numpy(),
        y.numpy(),
        torch.stack([y - low, high - y]).numpy(),
        fmt="o",
        color=COLOURS[0],
        ecolor=COLOURS[4],
        capsize=2,
    )
    names = [n for n, there in zip(species, known, strict=True) if there]
    for name, *place in zip(names, x.tolist(), y.tolist(), strict=True):
        axes.annotate(name, (place[0], place[1]), xytext=(4, 4), textcoords="offset points")
    axes.set_xscale("logit")
    axes.set_yscale("logit")
    axes.set_xlabel(label)
    axes.set_ylabel(f"estimated prevalence, {LEVEL:.0%} intervals")
    axes.grid(alpha=0.3)
    return figure
