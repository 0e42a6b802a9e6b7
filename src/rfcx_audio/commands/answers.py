"""What the verdicts of a review answer: precision, thresholds, call density, what is missing."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from rfcx_audio.commands.calls import call_config
from rfcx_audio.config import DictConfig
from rfcx_audio.queues import (
    ALL,
    Sample,
    comparable,
    density,
    draw_answers,
    needed_verdicts,
    precision_table,
    read_sample,
    threshold_table,
)
from rfcx_audio.scores import read_by_species
from rfcx_audio.screen import print_line, print_table
from rfcx_audio.verdicts import VerdictStore, agreement
from rfcx_audio.whole_files import save_picture, write_atomically

_log = logging.getLogger(__name__)


class Answers(NamedTuple):
    """The tables that `answers` writes, see the functions of `rfcx_audio.queues`.

    Attributes:
        density: `density.csv`: the share of windows with a call, by species and stratum.
        precision: `precision.csv`: precision and recall over thresholds.
        thresholds: `thresholds.csv`, which `detect thresholds=…` reads.
        needed: `needed.csv`: how many more verdicts make an interval as narrow as wanted.
        agreement: `agreement.csv`: how far reviewers agree.
    """

    density: pd.DataFrame
    precision: pd.DataFrame
    thresholds: pd.DataFrame
    needed: pd.DataFrame
    agreement: pd.DataFrame


def answers(store: str | Path, *overrides: str, out: str | Path | None = None) -> Answers:
    """What the verdicts of a review answer, as `rfcx-audio answers` finds it.

    >>> found = rfcx_audio.answers("verdicts.sqlite", "wanted_precision=0.8", out="answers")
    >>> found.density.loc[[0], ["species", "stratum", "judged", "present"]].to_dict("records")
    [{'species': 'owl', 'stratum': 'all strata', 'judged': 4, 'present': 3}]
    >>> found.thresholds["present"].to_list()
    [3]

    Args:
        store: the `verdicts.sqlite` of `rfcx-audio review`.
        overrides: further ones of `conf/answers.yaml`, as on the command line.
        out: the folder; None: one with the time as its name, in `runs/answers/`.

    Returns:
        The tables, which also stand in the folder, with a picture, `answers.png`.

    Raises:
        ConfigError: an override is none, or names what does not exist.
        ValueError: the store or the prevalence cannot be used, or an option is out of its range.
    """
    return write_answers(call_config("answers", overrides, out, store=store))


def run(config: DictConfig) -> None:
    """The command."""
    found = write_answers(config)
    folder = Path(config.paths.output_dir)
    if len(found.thresholds):
        print_table(summary(found), f"by species, {config.level:.0%} intervals")
    else:
        print_line(
            "no queue was drawn by chance, so that nothing can be estimated beyond the clips "
            "themselves: rfcx-audio review queue=strata draws one"
        )
    unsure = int(
        found.density.loc[found.density["stratum"] == ALL, ["unsure", "skipped"]].sum().sum()
    )
    if unsure:
        print_line(f"{unsure} clips are unsure or skipped: they are counted, and enter no estimate")
    print_line(f"the tables are in {folder}; detect thresholds={folder / 'thresholds.csv'}")


def write_answers(config: DictConfig) -> Answers:
    """Estimates all, and writes the tables into the folder of the run.

    Raises:
        ValueError: see `answers`.
    """
    for name in ("wanted_precision", "level"):
        if not 0 < config[name] <= 1 or (name == "level" and config[name] == 1):
            raise ValueError(f"{name} = {config[name]} is out of range; expected it in (0, 1)")
    if not 0 < config.width < 1:
        raise ValueError(f"width = {config.width} is out of range; expected it in (0, 1)")
    store = VerdictStore.open(config.store)
    given = store.answers()
    if given.empty:
        raise ValueError(f"{config.store} has no verdict yet; rfcx-audio review opens its page")
    sample = read_sample(store)
    found = estimated(sample, config.wanted_precision, config.width, config.level)
    found = found._replace(agreement=agreement(given))
    if config.prevalence is not None:
        found = found._replace(density=beside(found.density, config.prevalence))
    folder = Path(config.paths.output_dir)
    for name, table in found._asdict().items():
        write = partial(table.to_csv, index=False, float_format="%.9g")
        write_atomically(folder / f"{name}.csv", write)
    # The verdicts as labels are written here, too: write_labels(store, folder, formats).
    if len(found.thresholds):
        picture = draw_answers(found.density, found.precision, config.wanted_precision)
        save_picture(picture, folder / "answers.png")
    return found


def estimated(sample: Sample, wanted: float, width: float, level: float) -> Answers:
    """The tables of a sample; agreement, which a sample does not have, is empty.

    Args:
        sample: of the queues.
        wanted: precision, of the thresholds.
        width: of an interval.
        level: coverage of the intervals.
    """
    strata = comparable(sample)
    about = sample.queues.set_index("queue")
    left_out = sample.strata[~sample.strata.index.isin(strata.index)]["queue"].nunique()
    if left_out:
        _log.warning(
            "%d queue(s) are of other scores or recordings than the last one: they count for the "
            "density of their own, and not for thresholds",
            left_out,
        )
    precision = precision_table(sample, level)
    calibrated = bool(about.loc[strata["queue"], "calibrated"].any())
    thresholds = threshold_table(precision, wanted, strata, calibrated)
    limits = thresholds.rename(columns={"calibrated": "threshold"})[["species", "threshold"]]
    needed = needed_verdicts(sample, limits, width, level)
    return Answers(density(sample, level), precision, thresholds, needed, pd.DataFrame())


def beside(densities: pd.DataFrame, prevalence: str) -> pd.DataFrame:
    """Densities with the estimated prevalence of their species: another share, of recordings.

    Args:
        densities: see `density`.
        prevalence: the table of `rfcx-audio prevalence`.

    Raises:
        ValueError: it lacks a species.
    """
    names = list(dict.fromkeys(densities["species"]))
    table = read_by_species(prevalence, names).assign(species=names).set_index("species")
    columns = {"estimate": "prevalence", "low": "prevalence_low", "high": "prevalence_high"}
    return densities.join(table[list(columns)].rename(columns=columns), on="species")


def summary(found: Answers) -> pd.DataFrame:
    """A row for each species: what a person wants to know first."""
    whole = found.density[found.density["stratum"] == ALL].drop_duplicates("species", keep="last")
    table = whole[["species", "judged", "present", "share", "low", "high"]]
    table = table.rename(columns={"share": "density"})
    if "prevalence" in whole:
        table = table.assign(prevalence=whole["prevalence"])
    limits = found.thresholds.rename(columns={"calibrated": "threshold"})
    columns = ["species", "threshold", "precision", "precision_low", "precision_high", "recall"]
    table = table.merge(limits[columns], on="species", how="left")
    for of in ("density", "precision"):
        needed = found.needed[found.needed["of"] == of].set_index("species")["needed"]
        more = table["species"].map(needed)
        table[f"more for {of}"] = ["-" if np.isnan(one) else f"{one:.0f}" for one in more]
    return table
