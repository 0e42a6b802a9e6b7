"""The runs of a study: compositions with several seeds, each run as a separate command."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

_log = logging.getLogger(__name__)
_FINISHED = "test/lwlrap"
RECIPE_METRICS = Path("evaluation", "metrics.csv")
"""Of a recipe whose scored recordings have a truth."""

# One core per run. glibc keeps the large blocks of each step; returning them to the system and
# allocating them again takes an eighth of the time of a run.
_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MALLOC_MMAP_THRESHOLD_": str(2**30),
    "MALLOC_TRIM_THRESHOLD_": str(2**31),
    "HF_HUB_OFFLINE": "1",  # a run that needs weights which are not there fails; none are fetched
}


@dataclass(frozen=True)
class Entry:
    """One composition of a study.

    Attributes:
        name: of its folder and its row in the table.
        what: a short description.
        overrides: on the command line; `{seed}` in one is the seed of the run.
        command: the entry point, `train`, `relabel` or `recipe`.
        num_seeds: how many of the study's seeds it has; None for all.
        scores: of a recipe: which of its scores, as its `evaluation/metrics.csv` names them.
        of: the entry whose run this one reads, with other `scores`; None: it has runs of its own.
        needs: what a run needs that not everybody has, for the page; None for nothing.
        after: the entry whose run of the same seed must be finished before; None for none.
    """

    name: str
    what: str
    overrides: tuple[str, ...]
    command: str = "train"
    num_seeds: int | None = None
    scores: str | None = None
    of: str | None = None
    needs: str | None = None
    after: str | None = None

    def elsewhere(self, place: str, overrides: Sequence[str]) -> Entry:
        """The same composition with other data; their overrides come last.

        `{factor}` in an override is the name of the property that the place is a level of.
        """
        factor = place.rpartition("_")[0]
        own = (override.replace("{factor}", factor) for override in self.overrides)
        return replace(self, name=f"{self.name}@{place}", overrides=(*own, *overrides))

    @classmethod
    def read(cls, named: Mapping[str, Mapping[str, Any]], common: Sequence[str]) -> list[Entry]:
        """The entries of a configuration; the common overrides come before those of an entry."""
        return [
            cls(name, **{**entry, "overrides": (*common, *entry["overrides"])})
            for name, entry in named.items()
        ]


@dataclass(frozen=True)
class Job:
    """One run of a study: an entry with a seed."""

    entry: Entry
    seed: int
    folder: Path

    @property
    def finished(self) -> bool:
        """Whether the run has been tested against complete truth."""
        if self.entry.command == "recipe":
            return (self.folder / RECIPE_METRICS).exists()
        metrics = self.folder / "metrics.json"
        return metrics.exists() and _FINISHED in json.loads(metrics.read_text())

    def arguments(self) -> list[str]:
        """The command line; `relabel` and `recipe` resume in their folders by themselves."""
        place = "paths.output_dir" if self.entry.command == "train" else "folder"
        return [
            *(sys.executable, "-m", f"rfcx_audio.{self.entry.command}"),
            *(override.replace("{seed}", str(self.seed)) for override in self.entry.overrides),
            f"seed={self.seed}",
            f"{place}={self.folder}",
            f"hydra.run.dir={self.folder}",
        ]

    def run(self) -> bool:
        """Runs the command on one core, with a log in its folder; False if it failed."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "output.log").open("w") as log:
            done = subprocess.run(  # noqa: S603 (our own entry point)
                self.arguments(),
                stdout=log,
                stderr=subprocess.STDOUT,
                env=os.environ | _ENVIRONMENT,
                check=False,
            )
        return done.returncode == 0 and self.finished


def jobs_of(entries: Sequence[Entry], seeds: Sequence[int], folder: Path) -> list[Job]:
    """The runs of a study, seed by seed, so that an unfinished study has every entry."""
    return [
        Job(one, seed, folder / (one.of or one.name) / f"seed_{seed}")
        for number, seed in enumerate(seeds)
        for one in entries
        if one.num_seeds is None or number < one.num_seeds
    ]


def run_jobs(jobs: Sequence[Job], at_once: int) -> list[Job]:
    """Runs the jobs that are not finished, several at a time.

    Args:
        jobs: of a study.
        at_once: number of processes, one core each.

    Returns:
        The jobs that failed; `output.log` in their folder has the reason.
    """
    waiting = [job for job in jobs if not job.finished and job.entry.of is None]
    _log.info("%d runs, %d of them to go", len(jobs), len(waiting))

    begun: dict[tuple[str, int], Future[bool]] = {}

    def work(job: Job) -> bool:
        # It was begun before this one, so that waiting for it ends.
        first = begun.get((job.entry.after or "", job.seed))
        if first is not None:
            first.result()
        succeeded = job.run()
        outcome = "finished" if succeeded else f"failed, see {job.folder / 'output.log'}"
        _log.info("%s, seed %d: %s", job.entry.name, job.seed, outcome)
        return succeeded

    with ThreadPoolExecutor(at_once) as pool:
        for job in waiting:
            begun[job.entry.name, job.seed] = pool.submit(work, job)
    succeeded = [begun[job.entry.name, job.seed].result() for job in waiting]
    return [job for job, done in zip(waiting, succeeded, strict=True) if not done]
