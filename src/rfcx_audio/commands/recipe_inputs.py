"""What a recipe starts from: labels, and the recordings that are to be scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from glob import escape
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd

from rfcx_audio.commands.labels import read_complete
from rfcx_audio.config import DictConfig, build, load_config, variant
from rfcx_audio.data import (
    RfcxFolder,
    TableFolder,
    few,
    find_recordings,
)
from rfcx_audio.experiment import OUT_OF_FOLD
from rfcx_audio.scoring import list_recordings
from rfcx_audio.scoring.archive import fingerprint

SCORES, THRESHOLDS = "scores.parquet", "thresholds.csv"
_TEST, _TRUTH, _SAMPLE = "test", "truth.csv", "sample_submission.csv"
_LABELS, _COMPLETE = "labels.csv", "complete.csv"
_FIELDS = ["recording_id", "species_id", "t_min", "t_max", "f_min", "f_max", "present"]
_TOLERANCE_S = 1e-3  # tables are rounded


@dataclass(frozen=True)
class Unlabelled:
    """The recordings that all models score in the end; none have no `paths`.

    Attributes:
        place: as `list_recordings` takes it.
        paths: of those without labels, by recording.
        labelled: the others, by recording: some of the models were trained on them.
        truth: every call of them, if it is known, for the evaluation only.
        sample: that gives the order of submissions, if there is one.
    """

    place: str = ""
    paths: Mapping[str, Path] = field(default_factory=dict)
    labelled: Mapping[str, Path] = field(default_factory=dict)
    truth: Path | None = None
    sample: Path | None = None


@dataclass(frozen=True)
class Material:
    """What every step of a recipe works with, and where the results of the others are.

    Attributes:
        config: of the recipe.
        source: of its data.
        unlabelled: the recordings to score.
        folder: of all results.
    """

    config: DictConfig
    source: RfcxFolder
    unlabelled: Unlabelled
    folder: Path

    @property
    def oof(self) -> Path:
        """The out-of-fold scores."""
        return self.folder / "folds" / OUT_OF_FOLD

    @property
    def checkpoints(self) -> list[Path]:
        """Of the folds' models; none before they are trained."""
        found = self.folder.glob("folds/fold_*/checkpoints/best.ckpt")
        return sorted(found, key=lambda path: int(path.parts[-3].removeprefix("fold_")))

    @property
    def scores(self) -> dict[str, Path]:
        """The scores of recordings without labels, by what was done to them; maybe none."""
        folders = {
            "mean of the models": "scores",
            "calibrated": "calibration",
            "corrected to the estimated prevalence (TRANSDUCTIVE)": "prevalence",
        }
        wanted = folders if self.unlabelled.paths else {}
        return {what: self.folder / name / SCORES for what, name in wanted.items()}

    @property
    def raw(self) -> list[Path]:
        """The first of `scores`, if there are any."""
        return list(self.scores.values())[:1]

    @property
    def thresholds(self) -> Path:
        """Of the species."""
        return self.folder / "calibration" / THRESHOLDS

    @property
    def audio(self) -> dict[str, Path]:
        """The recordings of the data set with or without labels."""
        deep = isinstance(self.source, TableFolder)
        return find_recordings(self.source.audio, at_any_depth=deep)

    @cached_property
    def labels(self) -> dict[str, Any]:
        """The keys by which other commands read the labels, see `label_keys_of`."""
        return label_keys_of(self.source, self.folder)


def source_of(config: DictConfig) -> RfcxFolder:
    """The data set's source, made if it can be, with rows that a calibration can be fitted on.

    Raises:
        AnnotationError: the tables cannot be used.
        ValueError: they label presences only, or absences only.
    """
    source = cast(RfcxFolder, build(config.data.source))
    source.prepare()
    present = source.load().usable["present"].to_numpy()
    complete = config.data.source.get("complete") not in (None, False)
    if not present.any() or (present.all() and not complete):
        which = "absence (present = 0)" if present.all() else "presence"
        raise ValueError(
            f"no row of data.root={config.data.root} with audio states an {which}: calibration, "
            "thresholds and prevalence need known presences and absences. Add rows of species that "
            "were checked and are not there, or state with data.source.complete=… where every call "
            "is marked; without both, rfcx-audio crossval trains and scores alone"
        )
    return source


def unlabelled_of(config: DictConfig, source: RfcxFolder) -> Unlabelled:
    """The recordings to score: the given ones, else the test recordings of a data set, if any.

    A copy of a labelled recording is known by its content, and counts as labelled.

    Raises:
        AnnotationError: the complete labels break a rule.
        ValueError: there are none in the given place, or only such with labels; or the complete
            labels do not exist, are partial, or have nothing to be compared with.
    """
    place, given = config.recordings, config.complete_labels
    tables, test = isinstance(source, TableFolder), source.root / _TEST
    if place is None and not tables and test.is_dir() and find_recordings(test):
        place = str(test)
    if given is not None and (place is None or not Path(given).exists()):
        missing = "there are no recordings to compare them with: give recordings=…"
        raise ValueError(
            f"complete_labels={given}: {missing if place is None else 'there is no such file'}"
        )
    if place is None:
        return Unlabelled()
    own = config.recordings is None
    truth, sample = source.root / _TRUTH, source.root / _SAMPLE
    names = set(source.load().labelled["recording_id"])
    trained_on = find_recordings(source.audio, at_any_depth=tables)
    paths = list_recordings(str(place))
    labelled = _among(paths, [path for name, path in trained_on.items() if name in names])
    if len(labelled) == len(paths):
        raise ValueError(
            f"all {len(paths)} recordings of recordings={place} have labels: their scores, by the "
            "model that was not trained on each, are the out-of-fold scores. Leave recordings=… "
            "out, or give recordings without labels"
        )
    unlabelled = {name: path for name, path in paths.items() if name not in labelled}
    if given is not None:
        _check_complete(Path(given), config, source, unlabelled)
    return Unlabelled(
        place=str(place),
        paths=unlabelled,
        labelled=labelled,
        truth=Path(given) if given is not None else truth if own and _is_of_test(truth) else None,
        sample=sample if own and sample.exists() else None,
    )


def label_keys_of(source: RfcxFolder, folder: Path) -> dict[str, Any]:
    """The keys `labels`, `species` and `complete`, by which other commands read the same labels.

    The rows that have audio, verdicts among them, are written once more, with the ids and names of
    the training, so that nothing has to be matched again.

    Args:
        source: of the data.
        folder: of the recipe.
    """
    corpus, names = source.load(), np.array(source.species.names)
    table = corpus.usable[_FIELDS].assign(present=corpus.usable["present"].astype(int))
    table.insert(1, "species", names[table.pop("species_id")])
    folder.mkdir(parents=True, exist_ok=True)
    table.to_csv(folder / _LABELS, index=False)
    keys = {"labels": str(folder / _LABELS), "species": None, "complete": None}
    if corpus.coverage:
        durations_s = corpus.train.durations_s
        lines = []
        for name, start_s, end_s, species in corpus.coverage.within(durations_s).spans:
            # Windows of scores may end behind their recording, where there is only silence.
            whole = end_s >= durations_s[name] - _TOLERANCE_S
            end = None if whole else end_s
            lines.append((escape(name), start_s, end, _listed(names, species)))
        columns = pd.Index(["recording_id", "t_min", "t_max", "species"])
        pd.DataFrame(lines, columns=columns).to_csv(folder / _COMPLETE, index=False)
        keys["complete"] = str(folder / _COMPLETE)
    return keys


def step_config(verb: str, out: Path, **values: Any) -> DictConfig:  # noqa: ANN401 (of any key)
    """The configuration of a command, with its folder and some values; paths become text."""
    plain = {key: str(one) if isinstance(one, Path) else one for key, one in values.items()}
    return variant(load_config(verb), {"out": str(out), **plain})


def _is_of_test(truth: Path) -> bool:
    """Whether a data set's truth, if there is one, is of its test recordings too."""
    if not truth.exists():
        return False
    table = pd.read_csv(truth, dtype=str)
    return "split" not in table or bool((table["split"] == "test").any())


def _listed(names: np.ndarray, numbers: frozenset[int] | None) -> str:
    if numbers is None or len(numbers) == len(names):
        return ""
    return ";".join(names[sorted(numbers)])


def _among(paths: Mapping[str, Path], others: Sequence[Path]) -> dict[str, Path]:
    """Those of some recordings that are others too: the same files, or copies of them."""
    same = {path.resolve() for path in others}
    sizes = {_size(path) for path in others} - {None}
    contents = {fingerprint(path) for path in others} - {""}
    return {
        name: path
        for name, path in paths.items()
        if path.resolve() in same or (_size(path) in sizes and fingerprint(path) in contents)
    }


def _size(path: Path) -> int | None:
    """Of a file; None if there is none, which those who read it report."""
    return path.stat().st_size if path.is_file() else None


def _check_complete(
    given: Path, config: DictConfig, source: RfcxFolder, paths: Mapping[str, Path]
) -> None:
    """Checks before hours of training that the complete labels are, and of these recordings."""
    species = (source.species.names, config.data.source.species_file)
    found = read_complete(given, *species, list(paths))
    if not set(found.recordings) & set(paths):
        raise ValueError(
            f"complete_labels={given} is about {few(found.recordings)}, and recordings="
            f"{config.recordings} without labels are {few(list(paths))}: there is nothing to "
            "compare; give complete labels of the recordings to score"
        )
