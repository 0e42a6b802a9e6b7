"""The results of a study as tables, from which its page is written."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from rfcx_audio.config import parse_config
from rfcx_audio.experiment.resume import SETTINGS
from studies.jobs import RECIPE_METRICS, Job
from studies.study import Question

METRICS = ("lwlrap", "lwlrap_shuffled", "auc", "average_precision")
SECONDS = ("fit_core_s", "embed_core_s")
"""Columns of costs: core-seconds to fit, and to embed a minute of audio, as far as known."""
_NO_SPECIES = pd.DataFrame(columns=pd.Index(["entry", "seed", "species", "average_precision"]))
_KEPT = "unknown labels kept, assumed absent, that are absent (last epoch)"
_WRITTEN = "pseudo-labels written by the teachers whose species calls there"
_COLUMNS = {
    "runs": ["entry", "seed", *METRICS, "crops"],
    "baselines": ["scores", *METRICS],
    "gains": ["of", "against", "species", "gain"],
    "chosen": ["entry", "what", "share", "before"],
}


class Results(NamedTuple):
    """The tables of a study.

    Attributes:
        runs: one row per run: `entry`, `seed`, the metrics of the test recordings, `crops` (number
            of training crops, with those of teachers and first stages), and of `SECONDS` what is
            known.
        baselines: `scores` (a ranking that needs no training) and its metrics.
        gains: by question (`of`, `against`) and `species`, the `gain` in average precision.
        chosen: for each `entry` that selects labels, `what` it selects, the `share` of the
            selected labels that is correct, and `before`, that share without selection (NaN for
            pseudo-labels).
    """

    runs: pd.DataFrame
    baselines: pd.DataFrame
    gains: pd.DataFrame
    chosen: pd.DataFrame

    @classmethod
    def read(cls, folder: Path, stem: str) -> Results:
        """Reads the tables that `write` made; a table without a file is empty.

        Raises:
            ValueError: there is no table of runs.
        """
        if not cls.exist(folder, stem):
            raise ValueError(f"{_file(folder, stem, 'runs')} does not exist; run the study first")
        return cls(
            *(
                pd.read_csv(file) if file.exists() else pd.DataFrame(columns=pd.Index(columns))
                for file, columns in (
                    (_file(folder, stem, name), columns) for name, columns in _COLUMNS.items()
                )
            )
        )

    @classmethod
    def exist(cls, folder: Path, stem: str) -> bool:
        """Whether `write` made tables of that stem."""
        return _file(folder, stem, "runs").exists()

    def with_earlier(self, earlier: Results, jobs: Sequence[Job]) -> Results:
        """These results, and the runs of earlier ones that are not repeated here.

        Args:
            earlier: whose other tables are not taken.
            jobs: of the study; runs that are not among them are left out.
        """
        keys = [(job.entry.name, job.seed) for job in jobs]
        wanted = pd.DataFrame(keys, columns=pd.Index(["entry", "seed"]))
        both = pd.concat([self.runs, earlier.runs], ignore_index=True)
        both = both.drop_duplicates(["entry", "seed"])  # of which the first are these
        return self._replace(runs=wanted.merge(both, on=["entry", "seed"]))

    def write(self, folder: Path, stem: str) -> None:
        """Writes `<stem>.csv` and those other tables that have rows."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, table in self._asdict().items():
            file = _file(folder, stem, name)
            if len(table):
                table.to_csv(file, index=False, float_format="%.5f")
            else:
                file.unlink(missing_ok=True)


def collect(jobs: Sequence[Job], questions: Sequence[Question] = ()) -> Results:
    """Collects the results of the finished runs from their files.

    Args:
        jobs: of a study.
        questions: comparisons for which the gain of each species is computed.

    Raises:
        ValueError: no run is finished.
    """
    finished = [job for job in jobs if job.finished]
    if not finished:
        raise ValueError("no run of the study is finished; there is nothing to report")
    runs, species = [], []
    for job in finished:
        metrics = _metrics(job)
        key = {"entry": job.entry.name, "seed": job.seed}
        values = {name: metrics[f"test/{name}"] for name in METRICS}
        runs.append({**key, **values, "crops": drawn_crops(job.folder), **seconds_of(job.folder)})
        if job.entry.command != "recipe":
            table = pd.read_csv(job.folder / "test_species.csv")
            species.append(table[["species", "average_precision"]].assign(**key))
    return Results(
        pd.DataFrame(runs),
        _baselines(finished[0]),
        species_gains(pd.concat(species or [_NO_SPECIES], ignore_index=True), questions),
        chosen(finished),
    )


def species_gains(species: pd.DataFrame, questions: Sequence[Question]) -> pd.DataFrame:
    """The gain of each species in average precision, as the mean over the seeds.

    Args:
        species: `entry`, `seed`, `species`, `average_precision`.
        questions: a question with an entry without runs is omitted.
    """
    means = species.pivot_table("average_precision", index="species", columns="entry")
    parts = []
    for question in questions:
        if {question.of, question.against} <= set(means):
            gain = (means[question.of] - means[question.against]).dropna().rename("gain")
            parts.append(gain.reset_index().assign(of=question.of, against=question.against))
    columns = _COLUMNS["gains"]
    return pd.concat(parts)[columns] if parts else pd.DataFrame(columns=pd.Index(columns))


def drawn_crops(folder: Path) -> int:
    """The number of training crops of all runs in a folder, from their configurations.

    Those of teachers that were trained elsewhere count too.
    """
    settings = folder / SETTINGS
    given = parse_config(settings.read_text()) if settings.exists() else {}
    teachers = [Path(one) for one in given.get("teachers") or () if str(one).endswith(".ckpt")]
    total = sum(drawn_crops(checkpoint.parents[1]) for checkpoint in teachers)
    for file in folder.rglob("config.yaml"):
        if file.parent.name == ".hydra":
            continue
        config = parse_config(file.read_text())
        total += config.data.crops.crops_per_epoch * config.trainer.max_epochs
    return total


def seconds_of(folder: Path) -> dict[str, float]:
    """What a run has cost, of `SECONDS`: from its own file, and from that of its store."""
    found = {}
    own = folder / "seconds.json"
    if own.exists():
        found["fit_core_s"] = json.loads(own.read_text())["fit_core_s"]
    if not (folder / "config.yaml").exists():  # a recipe has one a fold
        return found
    config = parse_config((folder / "config.yaml").read_text())
    store = config.data.get("store")
    if store is not None and (embedded := Path(store) / "seconds.json").exists():
        minutes = pd.read_csv(embedded.with_name("recordings.csv"))["duration_s"].sum() / 60
        found["embed_core_s"] = json.loads(embedded.read_text())["embed_core_s"] / minutes
    return found


def chosen(jobs: Sequence[Job]) -> pd.DataFrame:
    """The share of correct labels among those that a method selects, averaged over the seeds."""
    found = []
    for job in jobs:
        metrics, rounds = _metrics(job), job.folder / "rounds.csv"
        key = {"entry": job.entry.name}
        if "train/purity" in metrics:
            share, before = metrics["train/purity"], metrics["train/purity_all"]
            found.append({**key, "what": _KEPT, "share": share, "before": before})
        written = pd.read_csv(rounds) if rounds.exists() else pd.DataFrame()
        if "truth_precision" in written:  # soft labels are neither correct nor wrong
            share = written["truth_precision"].iloc[-1]
            found.append({**key, "what": _WRITTEN, "share": share, "before": np.nan})
    table = pd.DataFrame(found, columns=pd.Index(_COLUMNS["chosen"]))
    return table.groupby(["entry", "what"], sort=False).mean().reset_index()


def _baselines(job: Job) -> pd.DataFrame:
    """The baselines, which need no training (`random`, `prior only …`)."""
    file = job.folder / "test_metrics.csv"
    table = pd.read_csv(file) if file.exists() else pd.DataFrame(columns=pd.Index(["scores"]))
    return table.loc[table["scores"] != "this model"].reindex(columns=_COLUMNS["baselines"])


def _metrics(job: Job) -> dict[str, float]:
    """The metrics of a run, or of the scores of a recipe that an entry names."""
    if job.entry.command == "recipe":
        table = pd.read_csv(job.folder / RECIPE_METRICS)
        (line,) = table[table["scores"] == job.entry.scores].to_dict("records")
        return {f"test/{name}": line[name] for name in METRICS}
    return json.loads((job.folder / "metrics.json").read_text())


def _file(folder: Path, stem: str, table: str) -> Path:
    return folder / (f"{stem}.csv" if table == "runs" else f"{stem}_{table}.csv")
