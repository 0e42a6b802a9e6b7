"""Picture of estimated prevalences beside true or observed ones."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor

from rfcx_audio.colours import COLOURS
from rfcx_audio.scores.prevalence import LEVEL, Prevalence

_SHOWN = 60
_TICKS = (0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 0.8, 0.95, 0.99)


def draw_prevalence(
    found: Prevalence, against: Tensor, label: str, species: Sequence[str]
) -> Figure:
    """Estimates with their intervals, highest first, and another prevalence of the same species.

    The scale is that of log-odds. With more species than fit, the most frequent are drawn.

    >>> calls = rfcx_audio.read_annotations("truth.csv")
    >>> scores = rfcx_audio.Scores.of_windows("dawn", [0.0], 6.0, [[0.1, 0.9]])
    >>> found = rfcx_audio.unlabelled_prevalence(scores, scores, calls)
    >>> mean = scores.pool().tensor.mean(0)
    >>> figure = rfcx_audio.draw_prevalence(found, mean, "mean of the scores", scores.species)

    Args:
        found: an estimate.
        against: (species,) in [0, 1], the true prevalence, or the mean of the raw scores.
        label: what `against` is.
        species: names.
    """
    least = 2e-3  # a logit axis cannot show 0 and 1
    order = found.estimate.nan_to_num(-1.0).argsort(descending=True, stable=True)
    order = order[~found.estimate[order].isnan()]
    shown = order[:_SHOWN].flip(0)  # the highest on top
    figure = Figure(figsize=(9, 1.6 + 0.26 * len(shown)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    x, y, low, high = (v[shown].clamp(least, 1 - least) for v in (against.double(), *found))
    places = range(len(shown))
    axes.errorbar(
        y.numpy(),
        places,
        xerr=torch.stack([y - low, high - y]).numpy(),
        fmt="o",
        color=COLOURS[0],
        ecolor=COLOURS[4],
        capsize=2,
        label=f"estimate, {LEVEL:.0%} interval",
    )
    axes.plot(x.numpy(), places, "D", color=COLOURS[5], fillstyle="none", label=label)
    axes.set_yticks(places, [species[int(number)] for number in shown.tolist()])
    axes.set_ylim(-0.7, len(shown) - 0.3)
    axes.set_xlim(least * 0.8, 1 - least * 0.8)
    axes.set_xscale("logit")
    axes.set_xticks(_TICKS, [f"{tick:.0%}" if tick >= 0.01 else f"{tick:.1%}" for tick in _TICKS])
    axes.minorticks_off()
    axes.set_xlabel("prevalence: share of the recordings with the species")
    axes.grid(alpha=0.3)
    if len(shown) < len(species):
        axes.set_title(f"{len(shown)} of {len(species)} species")
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0))
    return figure
