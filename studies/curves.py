"""Scores of compositions against one property of the data at a time: the page and its picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from rfcx_audio.colours import COLOURS, MARKERS
from rfcx_audio.whole_files import save_picture
from studies.levels import BASE, Level
from studies.page import beginning, ending
from studies.results import Results
from studies.rules import costs, leads, mean_and_spread
from studies.study import Study

_SHOWN = {"lwlrap": "LWLRAP", "auc": "macro ROC-AUC"}


def by_level(runs: pd.DataFrame, levels: Sequence[Level]) -> pd.DataFrame:
    """Mean and spread over the seeds of each entry at each level.

    Args:
        runs: see `Results`.
        levels: of the study.

    Returns:
        `factor`, `at`, `place`, `entry`, `seeds`, and each metric with its standard deviation
        (`…_sd`); the base has a row in every factor of which it is a level.
    """
    names = runs["entry"].str.split("@", n=1, expand=True)
    placed = runs.assign(entry=names[0], place=names[1])
    rows = []
    for level in levels:
        grouped = placed[placed["place"] == level.place].groupby("entry", sort=False)
        for entry, found in grouped:
            spread = {f"{metric}_sd": found[metric].std() for metric in _SHOWN}
            means = {metric: found[metric].mean() for metric in _SHOWN}
            key = {"factor": level.factor, "at": level.at, "place": level.place, "entry": entry}
            rows.append({**key, "seeds": len(found), **means, **spread})
    return pd.DataFrame(rows)


def write_curves(study: Study, results: Results, docs: Path, picture: bool = True) -> Path:
    """Writes the page of a study over levels and, if asked, its picture."""
    docs.mkdir(parents=True, exist_ok=True)
    if picture:
        figure = draw_curves(by_level(results.runs, study.levels))
        save_picture(figure, docs / f"{study.page}.png")
    page = docs / f"{study.page}.md"
    page.write_text(curves_text(study, results), encoding="utf-8")
    return page


def curves_text(study: Study, results: Results) -> str:
    """The page of a study over levels, in Markdown."""
    table = by_level(results.runs, study.levels)
    lines = [
        *beginning(study, results.runs),
        "",
        f"![LWLRAP and macro ROC-AUC against each property of the data]({study.page}.png)",
        "",
        *leads(table, _SHOWN),
        *costs(table, _SHOWN, BASE),
    ]
    entries = list(dict.fromkeys(table["entry"]))
    heads = [f"`{entry}` {title}" for title in _SHOWN.values() for entry in entries]
    for factor, rows in table.groupby("factor", sort=False):
        lines += ["", f"## {factor}", ""]
        lines += ["| | " + " | ".join(heads) + " | seeds |", "|---" * (len(heads) + 2) + "|"]
        lines += [_line(str(at), found, entries) for at, found in rows.groupby("at", sort=False)]
    return "\n".join([*lines, "", *ending(study)]) + "\n"


def _line(at: str, found: pd.DataFrame, entries: Sequence[str]) -> str:
    """A table row for one level; an entry without a run has empty cells."""
    cells = {
        (row["entry"], metric): mean_and_spread(row[metric], row[f"{metric}_sd"])
        for _, row in found.iterrows()
        for metric in _SHOWN
    }
    shown = [cells.get((entry, metric), "") for metric in _SHOWN for entry in entries]
    seeds = " to ".join(str(number) for number in sorted(set(found["seeds"])))
    return f"| {at} | {' | '.join(shown)} | {seeds} |"


def draw_curves(table: pd.DataFrame) -> Figure:
    """A column of axes for each factor, with LWLRAP above, macro AUC below, and a line per entry.

    Args:
        table: as `by_level` returns it.
    """
    factors = list(dict.fromkeys(table["factor"]))
    figure = Figure(figsize=(3.1 * len(factors) + 0.6, 6.4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, len(factors), sharey="row", squeeze=False)
    for column, factor in enumerate(factors):
        rows = table[table["factor"] == factor]
        places = {at: number for number, at in enumerate(dict.fromkeys(rows["at"]))}
        for (metric, title), one in zip(_SHOWN.items(), axes[:, column], strict=True):
            for number, (entry, found) in enumerate(rows.groupby("entry", sort=False)):
                colour, marker = (all_[number % len(all_)] for all_ in (COLOURS, MARKERS))
                spread = np.nan_to_num(found[f"{metric}_sd"])
                x = found["at"].map(places)
                one.errorbar(
                    x, found[metric], spread, marker=marker, color=colour, capsize=3, label=entry
                )
            one.set_xticks(list(places.values()), list(places))
            one.grid(alpha=0.3)
            if not column:
                one.set_ylabel(title)
        axes[1, column].set_xlabel(factor)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, fontsize=8, loc="outside right upper")
    return figure
