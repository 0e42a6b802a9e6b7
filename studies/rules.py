"""The rules by which the sentences of a page follow from its tables."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

SHOWN = {"lwlrap": "LWLRAP", "auc": "macro AUC", "average_precision": "macro AP"}
NAIVE, COMPLETE = "naive", "complete"
RULE = (
    "*Higher* and *lower*: the mean difference between two entries, seed by seed, is larger than "
    "its standard deviation over the seeds; otherwise they *tie*. With one seed it is *undecided*."
)


def verdict(difference: pd.Series) -> str:
    """`higher`, `lower`, `tie`, or `undecided` with fewer than two seeds.

    Args:
        difference: one value per seed.
    """
    if len(difference) < 2:
        return "undecided"
    if abs(difference.mean()) <= difference.std():
        return "tie"
    return "higher" if difference.mean() > 0 else "lower"


def mean_and_spread(mean: float, spread: float) -> str:
    """A mean with its spread; without the spread if it is NaN (a single run)."""
    return f"{mean:.3f}" if np.isnan(spread) else f"{mean:.3f} ± {spread:.3f}"


def seed_by_seed(runs: pd.DataFrame, metric: str, one: str, other: str) -> pd.Series:
    """The differences between two entries, of the seeds that both have."""
    by_seed = runs.pivot_table(metric, index="seed", columns="entry")
    by_seed = by_seed.reindex(columns=[one, other])
    return (by_seed[one] - by_seed[other]).dropna()


def compared(runs: pd.DataFrame, one: str, other: str) -> str:
    """A sentence on two entries: the verdicts by `RULE`, and the differences over the seeds.

    Args:
        runs: see `Results`.
        one: name of an entry.
        other: name of the entry that it is compared with.
    """
    if not {one, other} <= set(runs["entry"]):
        return "not measured yet."
    verdicts, differences = {}, []
    for metric, name in SHOWN.items():
        difference = seed_by_seed(runs, metric, one, other)
        spread = f" ± {difference.std():.3f}" if len(difference) > 1 else ""
        up = f"{int((difference > 0).sum())} of {len(difference)} seeds"
        verdicts[name] = verdict(difference)
        differences.append(f"{name} {difference.mean():+.3f}{spread} ({up} up)")
    return f"*{_together(verdicts)}*. {'; '.join(differences)}."


def _together(verdicts: Mapping[str, str]) -> str:
    """The verdicts of several metrics as a phrase."""
    if len(set(verdicts.values())) == 1:
        return f"{next(iter(verdicts.values())).capitalize()} in all of {', '.join(verdicts)}"
    return ", ".join(f"{name} {one}" for name, one in verdicts.items())


def leaders(table: pd.DataFrame) -> list[str]:
    """The best entries of a study, one sentence per metric.

    An entry ties with the best if its mean is lower by at most the larger of the two standard
    deviations over the seeds. `complete`, which is trained with complete truth, is excluded.

    Args:
        table: by entry each metric's mean and standard deviation (`…_sd`, NaN with one seed), and
            `gap`, see `studies.page.summarise`.
    """
    entries = table.drop(index=COMPLETE, errors="ignore")
    lines = []
    for metric, name in list(SHOWN.items())[:2]:
        first = str(entries[metric].idxmax())
        best, own, gap = (float(entries[key][first]) for key in (metric, f"{metric}_sd", "gap"))
        spread = entries[f"{metric}_sd"].fillna(0.0).clip(lower=np.nan_to_num(own))
        ties = [str(n) for n in entries.index[entries[metric] >= best - spread] if n != first]
        closes = "" if metric != "lwlrap" or np.isnan(gap) else f", {gap:.0%} of the gap closed"
        others = ", ".join(f"`{entry}`" for entry in ties) or "none"
        value = mean_and_spread(best, own)
        lines.append(f"* Highest {name}: `{first}`, {value}{closes}. Ties with it: {others}.")
    return lines


def species_named(gain: pd.Series, number: int = 4) -> str:
    """The species that gain and lose most.

    Args:
        gain: in average precision, by species.
        number: of species named at each end.
    """
    if gain.empty:
        return ""
    rising = gain.sort_values(kind="stable")
    shown = 0.005  # less would be printed as 0.00
    parts = {
        "most gained": rising[rising >= shown][::-1],
        "most lost": rising[rising <= -shown],
    }
    named = [
        f"{what}: " + ", ".join(f"{name} {v:+.2f}" for name, v in part[:number].items())
        for what, part in parts.items()
        if len(part)
    ]
    return f" AP by species, {'; '.join(named)}." if named else ""


def leads(table: pd.DataFrame, metrics: Mapping[str, str]) -> list[str]:
    """The best entry at the levels of a study and its lead, one sentence per metric.

    A level with a single entry has no lead, and is left out.

    Args:
        table: see `studies.curves.by_level`.
        metrics: names by column.
    """
    lines = []
    for metric, name in metrics.items():
        values = table.pivot_table(metric, index="place", columns="entry").dropna(thresh=2)
        if values.empty:
            continue
        ordered = np.sort(values.fillna(-np.inf).to_numpy(), axis=1)
        lead = pd.Series(ordered[:, -1] - ordered[:, -2], values.index)
        first = values.idxmax(axis=1)
        for entry, places in first.groupby(first).groups.items():
            low, high = lead[places].min(), lead[places].max()
            lines.append(
                f"* Highest {name}: `{entry}` with {len(places)} of {len(values)} data sets, by "
                f"{low:.2f} to {high:.2f} before the next."
            )
    return lines


def compared_at(runs: pd.DataFrame, metric: str, one: str, other: str) -> str:
    """The verdict on two entries by `RULE`, and the difference; empty if a run is missing."""
    difference = seed_by_seed(runs, metric, one, other)
    if difference.empty:
        return ""
    spread = f" ± {difference.std():.3f}" if len(difference) > 1 else ""
    return f"{verdict(difference)}, {difference.mean():+.3f}{spread}"


def reached_at(table: pd.DataFrame, metric: str, one: str, other: str) -> dict[str, str]:
    """The first level at which an entry is as good in the mean as another is at each level.

    Args:
        table: of one factor, see `studies.curves.by_level`.
        metric: a column of it.
        one: name of an entry.
        other: name of the entry that it is compared with.

    Returns:
        By level of `other`: the level of `one`, or `none`.
    """
    means = table.pivot_table(metric, index="at", columns="entry", sort=False)
    means = means.reindex(columns=[one, other])
    found = {}
    for at, value in means[other].dropna().items():
        as_good = means.index[means[one] >= value]
        found[str(at)] = str(as_good[0]) if len(as_good) else "none"
    return found


def costs(table: pd.DataFrame, metrics: Mapping[str, str], base: str) -> list[str]:
    """The change of the best entry at the base with each level, the largest loss first.

    Args:
        table: see `studies.curves.by_level`.
        metrics: names by column; the first decides the order.
        base: the place of the base.
    """
    metric = next(iter(metrics))
    at_base = table[table["place"] == base].drop_duplicates("entry").set_index("entry")
    entry = str(at_base[metric].idxmax())
    others = table[(table["entry"] == entry) & (table["place"] != base)].copy()
    for name in metrics:
        others[name] -= float(at_base[name][entry])
    changes = [
        f"  * {row['factor']}, {row['at']}: "
        + ", ".join(f"{row[name]:+.2f} {title}" for name, title in metrics.items())
        for _, row in others.sort_values(metric, kind="stable").iterrows()
    ]
    lines = [
        f"* `{entry}` elsewhere, against the base, in the order of {metrics[metric]}:",
        *changes,
    ]
    if table["seeds"].max() < 2:
        lines.append("* One seed of each: no spread is known, and no difference is decided.")
    return lines
