"""How compositions fare as one property of the data moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from rfcx_audio.experiment.study import Entry, Job
from rfcx_audio.experiment.study_report import beginning, collect, mean_and_spread
from rfcx_audio.whole_files import save_picture

BASE = "base"
_SHOWN = {"lwlrap": "LWLRAP", "auc": "macro ROC-AUC"}


class Level(NamedTuple):
    """One value of a property of the data.

    Attributes:
        factor: the property, in a few words.
        at: its value, as it is shown.
        place: the name of the data, after the `@` in that of a run.
        words: overrides that make the data so; none for the data that all factors start from.
    """

    factor: str
    at: str
    place: str
    words: tuple[str, ...]


def read_levels(factors: Mapping[str, Mapping[str, Any]]) -> list[Level]:
    """The levels of a configuration: by name, what a factor `says` and its `levels`, in order.

    A level without words is that of the base.
    """
    return [
        Level(told["says"], str(at), f"{name}_{number}" if words else BASE, tuple(words))
        for name, told in factors.items()
        for number, (at, words) in enumerate(told["levels"].items())
    ]


def entries_by_level(entries: Sequence[Entry], levels: Sequence[Level]) -> list[Entry]:
    """Every entry with the data of every level, the base once, which comes first."""
    places = {level.place: level.words for level in levels}
    ordered = sorted(places, key=lambda place: place != BASE)
    return [one.elsewhere(place, places[place]) for place in ordered for one in entries]


def by_level(runs: pd.DataFrame, levels: Sequence[Level]) -> pd.DataFrame:
    """Mean and spread over the seeds of each entry at each level.

    Args:
        runs: as `collect` returns them.
        levels: of the study.

    Returns:
        `factor`, `at`, `entry`, `seeds`, and each metric with its standard deviation (`…_sd`); the
        base has a row in every factor that has it as a level.
    """
    names = runs["entry"].str.split("@", n=1, expand=True)
    told = runs.assign(entry=names[0], place=names[1])
    rows = []
    for level in levels:
        grouped = told[told["place"] == level.place].groupby("entry", sort=False)
        for entry, found in grouped:
            spread = {f"{metric}_sd": found[metric].std() for metric in _SHOWN}
            means = {metric: found[metric].mean() for metric in _SHOWN}
            key = {"factor": level.factor, "at": level.at, "entry": entry}
            rows.append({**key, "seeds": len(found), **means, **spread})
    return pd.DataFrame(rows)


def write_curves(
    jobs: Sequence[Job], levels: Sequence[Level], told: Mapping[str, Any], docs: Path
) -> Path:
    """Writes the page of a study over levels, its picture and its table of all runs.

    Args:
        jobs: of the study.
        levels: of its data.
        told: its configuration: `page`, the files' name, `title`, `introduction`, and `says`, what
            the curves say in words, to be read against them whenever they are made anew.
        docs: folder.

    Raises:
        ValueError: no run is finished.
    """
    stem = told["page"]
    runs, _ = collect(jobs)
    if runs.empty:
        raise ValueError("no run of the study is finished; there is nothing to report")
    table = by_level(runs, levels)
    docs.mkdir(parents=True, exist_ok=True)
    runs.to_csv(docs / f"{stem}.csv", index=False, float_format="%.5f")
    save_picture(draw_curves(table), docs / f"{stem}.png")
    lines = [
        *beginning(jobs, told),
        "",
        f"![LWLRAP and macro ROC-AUC against each property of the data]({stem}.png)",
        "",
        told["says"].strip(),
    ]
    entries = list(dict.fromkeys(table["entry"]))
    for factor, rows in table.groupby("factor", sort=False):
        lines += ["", f"## {factor}", ""]
        heads = [f"`{entry}` {title}" for title in _SHOWN.values() for entry in entries]
        lines += ["| | " + " | ".join(heads) + " | seeds |", "|---" * (len(heads) + 2) + "|"]
        for at, found in rows.groupby("at", sort=False):
            cells = {
                (row["entry"], metric): mean_and_spread(row[metric], row[f"{metric}_sd"])
                for _, row in found.iterrows()
                for metric in _SHOWN
            }
            told_cells = [cells.get((entry, m), "") for m in _SHOWN for entry in entries]
            seeds = " to ".join(str(n) for n in sorted(set(found["seeds"])))
            lines.append(f"| {at} | {' | '.join(told_cells)} | {seeds} |")
    lines += ["", "## Commands", ""]
    lines += [
        f"* `{job.entry.name}`: `{' '.join(job.entry.words)}`" for job in jobs if not job.seed
    ]
    page = docs / f"{stem}.md"
    page.write_text("\n".join(lines) + "\n")
    return page


def draw_curves(table: pd.DataFrame) -> Figure:
    """A column of axes for each factor: LWLRAP above, macro AUC below, a line for each entry.

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
            for entry, found in rows.groupby("entry", sort=False):
                spread = np.nan_to_num(found[f"{metric}_sd"])
                x = found["at"].map(places)
                one.errorbar(x, found[metric], spread, marker="o", capsize=3, label=entry)
            one.set_xticks(list(places.values()), list(places))
            one.grid(alpha=0.3)
            if not column:
                one.set_ylabel(title)
        axes[1, column].set_xlabel(factor)
    axes[0, 0].legend(fontsize=8)
    return figure
