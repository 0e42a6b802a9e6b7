"""A picture of the hours of the day at which each species calls, for each site."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from rfcx_audio.events.clock import per_recorded_hour

_SPECIES_SHOWN = 30
_SITES_SHOWN = 4
_COLOURS = "Blues"  # of one hue, from light to dark, for any kind of colour vision
_HOURS = pd.Index([f"{hour:02}" for hour in range(24)])


def draw_calls_by_hour(table: pd.DataFrame, zone: str) -> Figure:
    """A heat map of species against hours of the day, one for each site, dates added up.

    A cell shows the events per recorded hour, as a share of the highest rate that the species
    has in any hour and site; that rate stands at the right. Hours without recordings are blank.

    Args:
        table: as `by_site` returns it, with at least one date.
        zone: of the times, for the title.
    """
    dated = table[table["date"] != ""]
    totals = dated.groupby("species")["events"].sum().sort_values(ascending=False, kind="stable")
    species = totals[totals > 0].index[:_SPECIES_SHOWN]
    effort = dated.drop_duplicates(["site", "date", "hour"]).groupby("site")["recorded_minutes"]
    sites = sorted(effort.sum().nlargest(_SITES_SHOWN).index)
    rates = {site: _rates(dated[dated["site"] == site], species) for site in sites}
    highest = np.nanmax(np.stack([rate.to_numpy() for rate in rates.values()]), axis=(0, 2))

    size = (3.5 + 4.5 * len(sites), 2.4 + 0.36 * len(species))
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(sites), sharey=True, squeeze=False)[0]
    for axes, site in zip(panels, sites, strict=True):
        shares = rates[site].to_numpy() / np.where(highest > 0, highest, 1)[:, None]
        _draw_site(axes, shares)
        axes.set_title(site or ("no site" if len(sites) > 1 else "all recordings"))
    panels[0].set_yticks(range(len(species)), [f"{name} ({totals[name]})" for name in species])
    panels[0].set_ylabel("species (events)")
    right = panels[-1].secondary_yaxis("right")
    right.set_yticks(range(len(species)), [f"{rate:.3g} / h" for rate in highest])
    right.set_ylabel("highest rate of the species")
    colours = ScalarMappable(Normalize(0, 1), _COLOURS)
    figure.colorbar(colours, ax=list(panels), label="share of the species' highest rate")
    blank = Patch(facecolor="0.95", edgecolor="0.75", hatch="////", label="no recordings")
    figure.legend(handles=[blank], loc="outside lower right", frameon=False)
    figure.suptitle(
        f"Events per recorded hour by hour of the day ({zone}){_left(table, species, sites)}"
    )
    return figure


def _rates(of_site: pd.DataFrame, species: pd.Index) -> pd.DataFrame:
    """(species, 24) events per recorded hour; NaN in hours without recordings."""
    sums = of_site.groupby(["species", "hour"])[["events", "recorded_minutes"]].sum()
    rates = sums.assign(rate=per_recorded_hour(sums))
    wide = rates.pivot_table("rate", "species", "hour", dropna=False)
    return wide.reindex(index=species, columns=_HOURS)


def _draw_site(axes: Axes, shares: np.ndarray) -> None:
    axes.patch.set(hatch="////", facecolor="0.95", edgecolor="0.75")
    edges = np.arange(25) - 0.5
    rows = np.arange(len(shares) + 1) - 0.5
    axes.pcolormesh(edges, rows, np.ma.masked_invalid(shares), cmap=_COLOURS, vmin=0, vmax=1)
    axes.set_ylim(len(shares) - 0.5, -0.5)
    axes.set_xticks(range(0, 24, 3), [f"{hour:02}" for hour in range(0, 24, 3)])
    axes.set_xlabel("hour of the day")


def _left(table: pd.DataFrame, species: pd.Index, sites: list[str]) -> str:
    """What is not drawn, for the title."""
    left = [
        f"{len(shown)} of {count} {what}"
        for shown, count, what in (
            (species, table["species"].nunique(), "species"),
            (sites, table["site"].nunique(), "sites"),
        )
        if len(shown) < count
    ]
    return f"\n{', '.join(left)} shown; all are in by_site.csv" if left else ""
