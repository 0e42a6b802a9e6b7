"""Scores of compositions against one property of the data at a time: the page and its picture."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from rfcx_audio.colours import COLOURS, MARKERS
from rfcx_audio.whole_files import save_picture
from studies.levels import BASE, Level
from studies.page import beginning, ending
from studies.results import SECONDS, Results
from studies.rules import RULE, SHOWN, compared_at, costs, leads, mean_and_spread, reached_at
from studies.study import Question, Study

_COLUMNS = 5  # of a picture
_LETTERS = 34  # of a line below an axis
_EQUAL = "average_precision"  # of which a question asks where both have the same


def by_level(runs: pd.DataFrame, levels: Sequence[Level], metrics: Iterable[str]) -> pd.DataFrame:
    """Mean and spread over the seeds of each entry at each level.

    Args:
        runs: see `Results`.
        levels: of the study.
        metrics: columns of `runs`; of one that it does not have there are no values.

    Returns:
        `factor`, `at`, `place`, `entry`, `seeds`, and each metric with its standard deviation
        (`…_sd`); the base has a row in every factor of which it is a level.
    """
    placed = _placed(runs)
    rows = []
    for level in levels:
        grouped = placed[placed["place"] == level.place].groupby("entry", sort=False)
        for entry, found in grouped:
            values = found.reindex(columns=list(metrics))
            spread = {f"{metric}_sd": values[metric].std() for metric in values}
            key = {"factor": level.factor, "at": level.at, "place": level.place, "entry": entry}
            rows.append({**key, "seeds": len(found), **values.mean().to_dict(), **spread})
    return pd.DataFrame(rows)


def _placed(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs with the name of their data apart, as `place`."""
    names = runs["entry"].str.split("@", n=1, expand=True)
    return runs.assign(entry=names[0], place=names[1])


def write_curves(study: Study, results: Results, docs: Path, picture: bool = True) -> Path:
    """Writes the page of a study over levels and, if asked, its picture."""
    docs.mkdir(parents=True, exist_ok=True)
    if picture:
        table = by_level(results.runs, study.levels, study.metrics)
        save_picture(draw_curves(table, _scores(study)), docs / f"{study.page}.png")
    page = docs / f"{study.page}.md"
    page.write_text(curves_text(study, results), encoding="utf-8")
    return page


def _scores(study: Study) -> dict[str, str]:
    """The metrics of a study that are no costs."""
    return {name: title for name, title in study.metrics.items() if name not in SECONDS}


def curves_text(study: Study, results: Results) -> str:
    """The page of a study over levels, in Markdown."""
    table = by_level(results.runs, study.levels, study.metrics)
    judged = {name: title for name, title in study.metrics.items() if name in SHOWN}
    titles = list(_scores(study).values())
    named = f"{', '.join(titles[:-1])} and {titles[-1]}"
    lines = [
        *beginning(study, results.runs),
        "",
        f"![{named} against each property of the data]({study.page}.png)",
        "",
        *leads(table, judged),
        *(costs(table, judged, BASE) if BASE in set(table["place"]) else []),
    ]
    for question in study.questions:
        lines += _answer(question, study, results.runs, table)
        lines += _in_short(question, study, results.runs, table)
    if study.questions:
        lines += ["", RULE]
    for factor, rows in table.groupby("factor", sort=False):
        lines += ["", f"## {factor}", ""]
        lines += [f"| | entry | {' | '.join(study.metrics.values())} | seeds |"]
        lines += ["|---" * (len(study.metrics) + 3) + "|"]
        lines += [_line(row, study.metrics) for row in rows.to_dict("records")]
    return "\n".join([*lines, "", *ending(study)]) + "\n"


def _answer(question: Question, study: Study, runs: pd.DataFrame, table: pd.DataFrame) -> list[str]:
    """A table with a line for each level: two entries compared, seed by seed."""
    placed = _placed(runs)
    lines = []
    for level in study.levels:
        own = placed[placed["place"] == level.place]
        cells = [compared_at(own, name, question.of, question.against) for name in SHOWN]
        if any(cells):
            of_factor = table[table["factor"] == level.factor]
            reached = reached_at(of_factor, _EQUAL, question.of, question.against)
            lines.append(
                f"| {level.factor} | {level.at} | {' | '.join(cells)} | {reached[level.at]} |"
            )
    heading = ["", f"**{question.ask}** `{question.of}` against `{question.against}`:", ""]
    if not lines:
        return [*heading[:-1], "", "Not measured yet."]
    titles = " | ".join(SHOWN.values())
    last = f"`{question.of}` has that {SHOWN[_EQUAL]} at"
    return [*heading, f"| | | {titles} | {last} |", "|---" * (len(SHOWN) + 3) + "|", *lines]


def _in_short(
    question: Question, study: Study, runs: pd.DataFrame, table: pd.DataFrame
) -> list[str]:
    """Sentences for each factor: at which levels an entry is better than another, and is not."""
    placed = _placed(runs)
    found: dict[str, dict[str, list[str]]] = {}
    for level in study.levels:
        own = placed[placed["place"] == level.place]
        answer = compared_at(own, _EQUAL, question.of, question.against).partition(",")[0]
        if answer:
            found.setdefault(level.factor, {}).setdefault(answer, []).append(level.at)
    sentences = []
    for factor, answers in found.items():
        verdicts = "; ".join(f"*{answer}* at {', '.join(at)}" for answer, at in answers.items())
        pair = f"`{question.of}` against `{question.against}`"
        sentences.append(f"* {factor}: {pair}, {SHOWN[_EQUAL]}: {verdicts}")
        earlier = _earlier(question, table[table["factor"] == factor])
        if earlier:
            sentences.append(f"* {factor}: in the mean, {'; '.join(earlier)}")
    return ["", *sentences] if sentences else []


def _earlier(question: Question, table: pd.DataFrame) -> list[str]:
    """The levels at which an entry is as good as another is at a later one."""
    order = list(dict.fromkeys(table["at"]))
    reached = reached_at(table, _EQUAL, question.of, question.against)
    return [
        f"`{question.of}` at {own} has at least the {SHOWN[_EQUAL]} of `{question.against}` at {at}"
        for at, own in reached.items()
        if own in order[: order.index(at)]
    ]


def _line(row: Mapping[Any, Any], metrics: Iterable[str]) -> str:
    """A table row for an entry at a level."""
    cells = [_cell(name, row[name], row[f"{name}_sd"]) for name in metrics]
    return f"| {row['at']} | `{row['entry']}` | {' | '.join(cells)} | {row['seeds']} |"


def _cell(metric: str, mean: float, spread: float) -> str:
    if np.isnan(mean):
        return ""
    return f"{mean:.3g}" if metric in SECONDS else mean_and_spread(mean, spread)


def draw_curves(table: pd.DataFrame, metrics: Mapping[str, str]) -> Figure:
    """A row of axes for each metric, a column for each factor, and a line for each entry.

    After some columns, further factors begin below. Factors with one finished level are left out,
    if others have more.

    Args:
        table: as `by_level` returns it.
        metrics: names by column.
    """
    several = table.groupby("factor", sort=False)["at"].nunique()
    factors = list(several.index[several > 1]) or list(several.index)
    columns = min(_COLUMNS, len(factors))
    blocks = -(-len(factors) // columns)
    size = (3.1 * columns + 2.4, 3.2 * len(metrics) * blocks)  # the legend is beside the axes
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(metrics) * blocks, columns, squeeze=False)
    entries = list(dict.fromkeys(table["entry"]))
    shown = {}
    for place, factor in enumerate(factors):
        block, column = divmod(place, columns)
        rows = table[table["factor"] == factor]
        places = {at: number for number, at in enumerate(dict.fromkeys(rows["at"]))}
        of_block = axes[block * len(metrics) : (block + 1) * len(metrics), column]
        for row, (metric, title) in enumerate(metrics.items()):
            one = of_block[row]
            one.sharey(axes[row, 0])
            for entry, found in rows.groupby("entry", sort=False):
                number = entries.index(str(entry))
                colour, marker = (all_[number % len(all_)] for all_ in (COLOURS, MARKERS))
                spread = np.nan_to_num(found[f"{metric}_sd"])
                x = found["at"].map(places)
                shown[entry] = one.errorbar(
                    x, found[metric], spread, marker=marker, color=colour, capsize=3
                )
            one.set_xticks(list(places.values()), list(places))
            one.grid(alpha=0.3)
            one.tick_params(labelleft=not column)
            if not column:
                one.set_ylabel(title)
        of_block[-1].set_xlabel(fill(factor, _LETTERS))
    for unused in axes[-len(metrics) :, len(factors) - (blocks - 1) * columns :].flat:
        unused.remove()
    named = {entry: shown[entry] for entry in entries if entry in shown}
    figure.legend(list(named.values()), list(named), fontsize=8, loc="outside right upper")
    return figure
