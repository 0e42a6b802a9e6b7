"""`python -m studies.review`: does it pay to choose which clips are reviewed?"""

from __future__ import annotations

import logging
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rfcx_audio import load, train
from rfcx_audio.config import DictConfig, entry_point
from rfcx_audio.data import RFCX_FILES, FeatureStore, RecordingInfo
from rfcx_audio.queues import (
    Design,
    Entropy,
    Farthest,
    Random,
    Strata,
    Top,
    Uncertainty,
    draw,
    frame_of_scores,
)
from rfcx_audio.verdicts import ABSENT, PRESENT, UNSURE, VerdictStore
from rfcx_audio.whole_files import write_atomically
from studies import CONF_DIR
from studies.review_page import write_page
from studies.reviewer import Reviewer

_log = logging.getLogger(__name__)
DESIGNS: dict[str, type[Design]] = {
    "random": Random,
    "strata": Strata,
    "top": Top,
    "uncertainty": Uncertainty,
    "entropy": Entropy,
    "farthest": Farthest,
}
_COMPLETE = "complete"
_METRICS = ("lwlrap", "lwlrap_shuffled", "auc", "average_precision")


@entry_point("review", CONF_DIR)
def main(config: DictConfig) -> None:
    """The command."""
    docs = Path(config.docs)
    table = docs / "active_learning.csv"
    if config.stage == "run":
        for name in config.only or config.data:
            run_all(config, name)
        docs.mkdir(parents=True, exist_ok=True)
        collected(Path(config.folder)).to_csv(table, index=False, float_format="%.5f")
    _log.info("the page is %s", write_page(pd.read_csv(table), config, docs))


def run_all(config: DictConfig, name: str) -> None:
    """Every queue, seed and reviewer on one data set, but for what is there.

    Args:
        config: of the study.
        name: of the data set.
    """
    folder = Path(config.folder) / name
    for seed in config.seeds:
        pool = Pool.of(config, name, folder / f"start_{seed}", seed)
        done = folder / _COMPLETE / f"seed_{seed}" / "rounds.csv"
        if not done.exists():
            metrics = pool.trained([*config.complete], done.parent / "run")[1]
            _write(pd.DataFrame([{"verdicts": pool.cells, **metrics}]), done)
        for way in config.reviewers:
            for queue in way.queues:
                run = f"{queue}_{way.wrong:g}_{way.per_round}"
                done = folder / run / f"seed_{seed}" / "rounds.csv"
                if not done.exists():
                    _write(reviewed(config, pool, queue, way, done.parent), done)
                    _log.info("%s, %s, seed %d: finished", name, run, seed)


@dataclass(frozen=True)
class Pool:
    """Recordings to be reviewed, few rows to begin with, and complete truth.

    Attributes:
        root: of the data, in the layout of RFCX, with few rows.
        store: of the features of its recordings.
        names: in the store, of the recordings that are trained on.
        truth: every call in them.
        overrides: of all trainings.
        seed: of the rows to begin with, of trainings, queues and wrong verdicts.
    """

    root: Path
    store: FeatureStore
    names: dict[str, str]
    truth: pd.DataFrame
    overrides: list[str]
    seed: int
    infos: dict[str, RecordingInfo] = field(default_factory=dict)

    @classmethod
    def of(cls, config: DictConfig, name: str, root: Path, seed: int) -> Pool:
        """Writes a folder with few rows, and links to the recordings of a data set.

        Args:
            config: of the study.
            name: of the data set.
            root: of the folder.
            seed: of the rows.
        """
        source = Path(config.data[name].root).absolute()
        root.mkdir(parents=True, exist_ok=True)
        for part in ("train", "test"):
            if not (root / part).is_symlink():
                (root / part).symlink_to(source / part)
        for file in ("truth.csv", "sample_submission.csv", "species.csv"):
            if (source / file).exists():
                shutil.copy(source / file, root / file)
        started = []
        for file in RFCX_FILES:
            rows = pd.read_csv(source / file, dtype={"recording_id": str})
            few = rows.groupby("species_id").sample(config.start_rows, random_state=seed)
            few.to_csv(root / file, index=False)
            started += [few]
        store = FeatureStore.open(config.data[name].store)
        stored = {there.rpartition("/")[2]: there for there in store.places}
        truth = pd.read_csv(source / "truth.csv", dtype={"recording_id": str})
        truth = truth[truth["split"] == "train"]
        folds = folds_of(sorted(set(truth["recording_id"]) & set(stored)), seed)
        folds.to_csv(root / "folds.csv", index=False)
        trained_on = folds.loc[folds["fold"] > 0, "recording_id"]
        overrides = [
            *(*config.common, f"data.root={root}", f"data.store={store.folder}", f"seed={seed}"),
            f"data.folds.file={root / 'folds.csv'}",
        ]
        names = {one: stored[one] for one in trained_on}
        return cls(
            root, store, names, truth[truth["recording_id"].isin(list(names))], overrides, seed
        )

    @property
    def cells(self) -> int:
        """How many answers complete labels are: one for each window without overlap and species."""
        settings = self.store.settings
        step = max(1, round(settings["window_s"] / settings["hop_s"]))
        windows = sum(
            -(-(place.stop - place.start) // step)
            for place in map(self.store.places.get, self.names.values())
            if place
        )
        return windows * (int(self.truth["species_id"].max()) + 1)

    def trained(self, overrides: list[str], folder: Path) -> tuple[Any, dict[str, float]]:
        """A head that was trained, and its metrics on the test recordings."""
        run = train(*self.overrides, *overrides, out=folder)
        metrics = {name: run.metrics[f"test/{name}"] for name in _METRICS}
        return load(run.checkpoint), metrics


def folds_of(recordings: list[str], seed: int) -> pd.DataFrame:
    """A table of ten folds, whose first is held out: not reviewed, and not trained on."""
    numbers = np.arange(len(recordings)) % 10
    fold = np.random.default_rng(seed).permutation(numbers)
    return pd.DataFrame({"recording_id": recordings, "fold": fold})


def reviewed(
    config: DictConfig, pool: Pool, queue: str, way: DictConfig, folder: Path
) -> pd.DataFrame:
    """The metrics after each round of review.

    Args:
        config: of the study.
        pool: of recordings.
        queue: name of the design.
        way: of answering: `wrong` (the share of wrong verdicts), `rounds`, and `per_round`
            (verdicts).
        folder: of the store of verdicts and of the last run.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob("verdicts.sqlite*"):
        left.unlink()  # of a study that was stopped
    store = VerdictStore.open(folder / "verdicts.sqlite", create=True)
    reviewer = Reviewer(pool.truth, way.wrong, np.random.default_rng([pool.seed, 1]))
    rows = []
    for round_ in range(way.rounds + 1):
        shutil.rmtree(folder / "run", ignore_errors=True)
        given = [*config.reviewed, f"data.verdicts={store.path}"]
        recogniser, metrics = pool.trained(given, folder / "run")
        counts = store.answers()["answer"].value_counts()
        found = {answer: int(counts.get(answer, 0)) for answer in (PRESENT, ABSENT, UNSURE)}
        rows.append({"verdicts": round_ * way.per_round, **found, **metrics})
        if round_ == way.rounds:
            break
        scores = recogniser.score_store(pool.store, pool.names)
        frame = frame_of_scores(scores, pool.infos)
        seed = 1000 * pool.seed + round_
        design = DESIGNS[queue](number=way.per_round, seed=seed)
        if isinstance(design, Farthest):
            design = replace(design, features=str(pool.store.folder))
        number = draw(frame, design, store, {"fingerprint": f"round {round_}"})
        number_of = {name: place for place, name in enumerate(recogniser.species)}
        store.record(reviewer.verdicts(store.clips(number), number_of))
    shutil.rmtree(folder / "run", ignore_errors=True)
    return pd.DataFrame(rows)


def collected(folder: Path) -> pd.DataFrame:
    """All rounds: `data`, `queue`, `wrong`, `per_round`, `seed`, and what their tables have."""
    parts = []
    for path in sorted(folder.glob("*/*/seed_*/rounds.csv")):
        queue, wrong, per_round = [*path.parts[-3].split("_"), "0", "0"][:3]
        about = {"data": path.parts[-4], "queue": queue, "wrong": float(wrong)}
        about |= {"per_round": int(per_round), "seed": int(path.parts[-2].removeprefix("seed_"))}
        rounds = pd.read_csv(path)
        parts.append(pd.DataFrame(about, index=rounds.index).join(rounds))
    if not parts:
        raise ValueError(f"{folder} has no finished run; give stage=run")
    return pd.concat(parts, ignore_index=True)


def _write(table: pd.DataFrame, path: Path) -> None:
    write_atomically(path, lambda part: table.to_csv(part, index=False))


if __name__ == "__main__":
    main()
