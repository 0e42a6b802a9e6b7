"""A picture of what verdicts tell of each species: precision, and call density by stratum."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from rfcx_audio.colours import COLOURS
from rfcx_audio.queues.estimates import ALL

_SHOWN = 12
_COLUMNS = 4


def draw_answers(densities: pd.DataFrame, precisions: pd.DataFrame, wanted: float) -> Figure:
    """Precision against the threshold, and the share of windows with a call in each stratum.

    With more species than fit, those with the most verdicts are drawn.

    Args:
        densities: see `density`; at least one row of a queue by chance.
        precisions: see `precision_table`.
        wanted: precision, drawn as a line.
    """
    whole = densities[densities["stratum"] == ALL].sort_values("judged", ascending=False)
    names = list(dict.fromkeys(whole["species"]))
    shown = names[:_SHOWN]
    columns = min(_COLUMNS, len(shown))
    lines = -(-len(shown) // columns)
    figure = Figure(figsize=(1.5 + 3.1 * columns, 0.8 + 4.4 * lines), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2 * lines, columns, squeeze=False)
    for place in axes.ravel():
        place.set_visible(False)
    for number, name in enumerate(shown):
        line, column = divmod(number, columns)
        above, below = axes[2 * line, column], axes[2 * line + 1, column]
        own = densities[densities["species"] == name]
        _draw_precision(above, precisions[precisions["species"] == name], wanted)
        _draw_density(below, own)
        (judged, present) = whole.loc[whole["species"] == name, ["judged", "present"]].sum()
        above.set_title(f"{name}\n{present} of {judged} present", fontsize=9)
        for place in (above, below):
            place.set_visible(True)
            place.set_ylim(-0.03, 1.03)
            place.grid(alpha=0.3)
        if column == 0:
            above.set_ylabel("precision")
            below.set_ylabel("share with a call")
    more = f" ({len(shown)} of {len(names)} species)" if len(shown) < len(names) else ""
    figure.suptitle(f"What the verdicts tell, with intervals{more}")
    return figure


def _draw_precision(axes: Axes, own: pd.DataFrame, wanted: float) -> None:
    """The band is the interval; the dashed line the wanted precision."""
    axes.axhline(wanted, color="black", linestyle="--", linewidth=1)
    x = own["threshold"].to_numpy()
    low, high = own["precision_low"].to_numpy(), own["precision_high"].to_numpy()
    axes.fill_between(x, low, high, step="mid", color=COLOURS[4], alpha=0.4, linewidth=0)
    axes.plot(x, own["precision"].to_numpy(), color=COLOURS[0], marker=".", markersize=3)
    axes.set_xlabel("threshold of the score", fontsize=8)


def _draw_density(axes: Axes, own: pd.DataFrame) -> None:
    """The strata of the queues by chance from the left, and all strata as a line with its band."""
    strata = own[(own["stratum"] != ALL) & own["low"].notna()]
    places = np.arange(len(strata))
    share = strata["share"].to_numpy(float)
    middle = np.where(np.isnan(share), (strata["low"] + strata["high"]) / 2, share)
    errors = np.stack([middle - strata["low"], strata["high"] - middle])
    bars = np.maximum(errors, 0)
    axes.errorbar(places, middle, yerr=bars, fmt="none", ecolor=COLOURS[5], capsize=2)
    axes.plot(places, share, "D", color=COLOURS[5], markersize=4)
    for _, row in own[own["stratum"] == ALL].iterrows():
        axes.axhspan(row["low"], row["high"], color=COLOURS[4], alpha=0.3, linewidth=0)
        axes.axhline(row["share"], color=COLOURS[0], linewidth=1)
    short = [str(name).partition(":")[0] for name in strata["stratum"]]
    axes.set_xticks(places, short, rotation=90 if max(map(len, short), default=0) > 3 else 0)
    axes.tick_params(axis="x", labelsize=7)
    axes.set_xlabel("stratum; band: all strata", fontsize=8)
