"""What a study found: a page and a picture, from the runs' own files and nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from rfcx_audio.config import parse_config
from rfcx_audio.experiment.study import Job
from rfcx_audio.whole_files import save_picture

NAIVE, COMPLETE = "naive", "complete"
_METRICS = ("lwlrap", "lwlrap_shuffled", "auc", "average_precision")
_SPECIES_NAMED = 4
_KEPT = "unknown labels kept, assumed absent, that are absent (last epoch)"
_WRITTEN = "pseudo-labels written by the teachers whose species calls there"


def collect(jobs: Sequence[Job]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The results of the finished runs.

    Args:
        jobs: of a study.

    Returns:
        One row a run: `entry`, `seed`, the metrics of the test recordings, `crops` (training crops
        that were drawn, those of teachers and first stages included); and one row a run and
        species: `entry`, `seed`, `species`, `auc`, `average_precision`.
    """
    runs, species = [], []
    for job in jobs:
        if not job.finished:
            continue
        metrics = json.loads((job.folder / "metrics.json").read_text())
        key = {"entry": job.entry.name, "seed": job.seed}
        values = {name: metrics[f"test/{name}"] for name in _METRICS}
        runs.append({**key, **values, "crops": drawn_crops(job.folder)})
        table = pd.read_csv(job.folder / "test_species.csv")
        species.append(table[["species", "auc", "average_precision"]].assign(**key))
    return pd.DataFrame(runs), pd.concat(species, ignore_index=True) if species else pd.DataFrame()


def baselines(jobs: Sequence[Job]) -> pd.DataFrame:
    """The rows that need no training (`random`, `prior only …`), from the first finished run."""
    folder = next(job.folder for job in jobs if job.finished)
    table = pd.read_csv(folder / "test_metrics.csv", index_col="scores")
    return table[table.index != "this model"]


def drawn_crops(folder: Path) -> int:
    """Training crops of all runs in a folder, from their configurations."""
    total = 0
    for file in folder.rglob("config.yaml"):
        if file.parent.name == ".hydra":
            continue
        config = parse_config(file.read_text())
        total += config.data.crops.crops_per_epoch * config.trainer.max_epochs
    return total


def chosen(jobs: Sequence[Job]) -> pd.DataFrame:
    """How right the labels were that a method chose by itself, over the seeds.

    Args:
        jobs: of a study.

    Returns:
        By entry that chooses: `what` was chosen, `share` of it that is right by the truth, and
        `before`, that share where nothing is chosen (NaN for pseudo-labels).
    """
    found = []
    for job in jobs:
        if not job.finished:
            continue
        metrics = json.loads((job.folder / "metrics.json").read_text())
        rounds = job.folder / "rounds.csv"
        key = {"entry": job.entry.name}
        if "train/purity" in metrics:
            share, before = metrics["train/purity"], metrics["train/purity_all"]
            found.append({**key, "what": _KEPT, "share": share, "before": before})
        if rounds.exists():
            share = pd.read_csv(rounds)["truth_precision"].iloc[-1]
            found.append({**key, "what": _WRITTEN, "share": share, "before": np.nan})
    table = pd.DataFrame(found, columns=["entry", "what", "share", "before"])
    return table.groupby(["entry", "what"], sort=False).mean().reset_index("what")


def summarise(runs: pd.DataFrame, entries: Mapping[str, str]) -> pd.DataFrame:
    """Mean and spread over the seeds, in the order of the entries.

    Args:
        runs: as `collect` returns them.
        entries: by name, what they are.

    Returns:
        By entry: `says`, `seeds`, each metric's mean and standard deviation (`…_sd`), `crops`, and
        `gap`, the share of the LWLRAP between naive and complete labels that it closes.
    """
    grouped = runs.groupby("entry")
    table = pd.DataFrame(index=[name for name in entries if name in grouped.groups])
    table["says"] = [entries[name] for name in table.index]
    table["seeds"] = grouped.size()
    for metric in _METRICS:
        table[metric] = grouped[metric].mean()
        table[f"{metric}_sd"] = grouped[metric].std()
    table["crops"] = grouped["crops"].mean()
    low, high = (table["lwlrap"].get(name, np.nan) for name in (NAIVE, COMPLETE))
    table["gap"] = (table["lwlrap"] - low) / (high - low)
    return table


def answer(runs: pd.DataFrame, species: pd.DataFrame, one: str, other: str) -> str:
    """One entry against another: differences by seed, and the species that gain and lose most.

    Args:
        runs: as `collect` returns them.
        species: as `collect` returns them.
        one: name of an entry.
        other: name of the entry that it is compared with.
    """
    if not {one, other} <= set(runs["entry"]):
        return "not measured yet."
    told = []
    for metric, name in (("lwlrap", "LWLRAP"), ("auc", "macro AUC"), ("average_precision", "AP")):
        by_seed = runs.pivot_table(metric, index="seed", columns="entry")
        difference = (by_seed[one] - by_seed[other]).dropna()
        spread = f" ± {difference.std():.3f}" if len(difference) > 1 else ""
        won = f"{int((difference > 0).sum())} of {len(difference)} seeds"
        told.append(f"{name} {difference.mean():+.3f}{spread} ({won} up)")
    by_species = species.pivot_table("average_precision", index="species", columns="entry")
    gain = (by_species[one] - by_species[other]).dropna().sort_values()
    best = ", ".join(f"s{s} {v:+.2f}" for s, v in gain[::-1][:_SPECIES_NAMED].items())
    worst = ", ".join(f"s{s} {v:+.2f}" for s, v in gain[:_SPECIES_NAMED].items())
    return f"{'; '.join(told)}. AP by species, most gained: {best}; most lost: {worst}."


def write_report(jobs: Sequence[Job], told: Mapping[str, Any], docs: Path) -> Path:
    """Writes the page of a study, a picture and a table of all runs.

    Args:
        jobs: of the study.
        told: its configuration: `page`, the files' name; `title`; `introduction`, what the numbers
            are of, in Markdown; `questions`, each with `ask`, and the entries `of` and `against`;
            where the answer surprises, `because`, what is known of its cause.
        docs: folder.
    """
    stem = told["page"]
    runs, species = collect(jobs)
    if runs.empty:
        raise ValueError("no run of the study is finished; there is nothing to report")
    entries = {job.entry.name: job.entry.says for job in jobs}
    words = {job.entry.name: " ".join(job.entry.words) for job in jobs}
    table, knowing_nothing = summarise(runs, entries), baselines(jobs)
    docs.mkdir(parents=True, exist_ok=True)
    runs.to_csv(docs / f"{stem}.csv", index=False, float_format="%.5f")
    save_picture(draw(runs, table, knowing_nothing), docs / f"{stem}.png")
    lines = [
        *beginning(jobs, told),
        "",
        f"![LWLRAP of every entry, one dot a seed]({stem}.png)",
        "",
        "| entry | what | LWLRAP | gap closed | shuffled | macro AUC | macro AP | crops | seeds |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, row in knowing_nothing.iterrows():
        cells = [f"{row[metric]:.3f}" for metric in _METRICS]
        lines.append(f"| | {name} | {cells[0]} | | {cells[1]} | {cells[2]} | {cells[3]} | 0 | |")
    for name, row in table.iterrows():
        cells = [mean_and_spread(row[metric], row[f"{metric}_sd"]) for metric in _METRICS]
        lines.append(
            f"| `{name}` | {row['says']} | {cells[0]} | {row['gap']:.0%} | {cells[1]} | {cells[2]} "
            f"| {cells[3]} | {row['crops']:.0f} | {row['seeds']:.0f} |"
        )
    lines += ["", "## Questions", ""] if told["questions"] else [""]
    for question in told["questions"]:
        said = answer(runs, species, question["of"], question["against"])
        pair = f"`{question['of']}` against `{question['against']}`"
        lines += [
            f"**{question['ask']}** {pair}: {said} {question.get('because', '')}".rstrip(),
            "",
        ]
    if len(choice := chosen(jobs)):
        lines += ["## Were the chosen labels right?", "", "| entry | of | right | unchosen |"]
        lines.append("|---|---|---|---|")
        for name, row in choice.iterrows():
            before = "" if np.isnan(row["before"]) else f"{row['before']:.3f}"
            lines.append(f"| `{name}` | {row['what']} | {row['share']:.3f} | {before} |")
        lines.append("")
    lines += ["## Commands", ""]
    lines += [f"* `{name}`: `{said}`" for name, said in words.items()]
    page = docs / f"{stem}.md"
    page.write_text("\n".join(lines) + "\n")
    return page


def beginning(jobs: Sequence[Job], told: Mapping[str, Any]) -> list[str]:
    """The first lines of a page: its title, what the numbers are of, and what is missing."""
    unfinished = len([job for job in jobs if not job.finished])
    missing = ["", f"**{unfinished} of {len(jobs)} runs are not finished yet.**"]
    return [
        f"# {told['title']}",
        "",
        f"Generated by `make study` from the runs' own files; `{told['page']}.csv` has every run.",
        *(missing if unfinished else []),
        "",
        told["introduction"].strip(),
    ]


def mean_and_spread(mean: float, spread: float) -> str:
    """A mean with its spread, which one run alone has not."""
    return f"{mean:.3f}" if np.isnan(spread) else f"{mean:.3f} ± {spread:.3f}"


def draw(runs: pd.DataFrame, table: pd.DataFrame, knowing_nothing: pd.DataFrame) -> Figure:
    """LWLRAP and macro AUC of every entry: a bar for the mean, a dot for each seed."""
    figure = Figure(figsize=(13, 0.34 * len(table) + 1.8), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, 2, sharey=True)
    place = {name: -number for number, name in enumerate(table.index)}
    for one, metric, title in zip(
        axes, ("lwlrap", "auc"), ("LWLRAP", "macro ROC-AUC"), strict=True
    ):
        one.barh(list(place.values()), table[metric], color="#9ecae1")
        one.plot(runs[metric], runs["entry"].map(place), "o", color="#08519c", markersize=3.5)
        for name, row in knowing_nothing.iterrows():
            one.axvline(row[metric], linestyle=":", color="grey")
            one.annotate(
                str(name).split(" (")[0],
                (row[metric], 0.7),
                rotation=90,
                fontsize=7,
                color="grey",
                ha="right",
                va="bottom",
            )
        one.set_xlim(0.2 if metric == "lwlrap" else 0.45, 1.0)
        one.set_title(title)
        one.grid(axis="x", alpha=0.3)
    axes[0].set_yticks(list(place.values()), list(place))
    return figure
