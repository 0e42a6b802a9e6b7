"""Several tables of scores, or models, to one table."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from torch import Tensor

from rfcx_audio.commands.labels import labels_of
from rfcx_audio.config import DictConfig, build
from rfcx_audio.scores import (
    CORRECTED,
    SCALES,
    EnsembleError,
    Scores,
    check_labels,
    check_unseen,
    combine,
    common_settings,
    fit_weights,
    given_weights,
    join,
    label_keys,
    scale_of,
)
from rfcx_audio.scoring import list_recordings, load_recogniser
from rfcx_audio.scoring.archive import score_archive
from rfcx_audio.screen import print_table

_log = logging.getLogger(__name__)


def scored(config: DictConfig) -> list[str]:
    """The tables of all members; those of models are made, or gone on with, as `predict` does.

    Raises:
        EnsembleError: a member is a model, and there are no recordings to score; or `scores` is no
            list.
    """
    if isinstance(config.scores, str):
        raise EnsembleError(
            f"scores={config.scores} is one table; expected a list of several: "
            "'scores=[a.parquet,b.parquet]'"
        )
    places = []
    for number, member in enumerate(config.scores):
        if not _is_model(member):
            places.append(member)
            continue
        if config.recordings is None:
            raise EnsembleError(
                f"{member} is a checkpoint or an artefact; give recordings=… for it to score, or "
                "its scores.parquet"
            )
        archive = score_archive(
            build(config.engine),
            partial(load_recogniser, Path(member).absolute()),
            list_recordings(config.recordings),
            Path(config.paths.output_dir) / f"member_{number}",
        )
        archive.join({"checkpoint": member, **archive.settings})
        _log.info("%s: %d recordings could not be read", member, len(archive.failures()))
        places.append(str(archive.folder / "scores.parquet"))
    return places


def _is_model(path: str) -> bool:
    return Path(path).suffix == ".ckpt" or Path(path).is_dir()


def read_members(paths: Sequence[str]) -> dict[str, Scores]:
    """The scores of all members by path.

    Raises:
        EnsembleError: a file is named twice.
    """
    for path in paths:
        if list(paths).count(path) > 1:
            raise EnsembleError(f"{path} is named twice; give it a larger weight instead")
    return {path: Scores.read(path) for path in paths}


def weights_of(config: DictConfig) -> Tensor:
    """(members,) as given, equal, or fitted.

    Raises:
        EnsembleError: they do not fit the tables, or what fitting needs is not given.
    """
    members = len(config.scores)
    if isinstance(config.weights, str) and config.weights != "fit":
        raise EnsembleError(f"weights={config.weights}: expected a list of {members}, or fit")
    if config.weights != "fit":
        return given_weights(config.weights, members)
    if config.labels is None or len(config.oof or []) != members:
        raise EnsembleError(
            f"weights=fit needs labels=… and oof=[…] with {members} tables in the order of "
            "scores, as rfcx_audio.crossval writes them"
        )
    tables = read_members(config.oof)
    for path, one in tables.items():
        check_unseen(one, path)
    common_settings(metadata_of(tables), config.mixed_frontends)
    joined = join(tables)
    recordings = sorted(joined.keys["recording_id"].unique())
    annotations = labels_of(config, joined.species, recordings)
    check_labels(recordings, annotations)
    labels = label_keys(joined.keys, len(joined.species), annotations, config.min_overlap)
    return fit_weights(joined.values, labels, config.how)


def metadata_of(tables: Mapping[str, Scores]) -> dict[str, dict[str, Any]]:
    """How each of the tables was made."""
    return {path: scores.metadata for path, scores in tables.items()}


def about_species(metadata: Iterable[Mapping[str, Any]], species: Sequence[str]) -> dict[str, Any]:
    """What members state of species by name (`band`, other names): of each, the first that does."""
    known = [one.get("about", {}) for one in metadata]
    return {
        name: next(about[name] for about in known if name in about)
        for name in species
        if any(name in about for about in known)
    }


def run(config: DictConfig) -> None:
    """The command."""
    tables = read_members(scored(config))
    metadata = metadata_of(tables)
    settings = common_settings(metadata, config.mixed_frontends)
    scales = {path: scale_of(one) for path, one in metadata.items()}
    if config.how != "rank" and len(set(scales.values())) > 1:
        one, *_, other = sorted(scales, key=lambda path: SCALES.index(scales[path]))
        raise EnsembleError(
            f"{one} is {scales[one]}, {other} is {scales[other]}: their mean is neither; give "
            "scores to which the same was done, or how=rank"
        )
    joined, weights = join(tables), weights_of(config)
    folder, shares = Path(config.paths.output_dir), weights.tolist()
    members = [
        {"scores": path, "weight": weight, "made_with": metadata[path]}
        for path, weight in zip(tables, shares, strict=True)
    ]
    about = about_species(metadata.values(), joined.species)
    made_with = {**settings, "how": config.how, "members": members, "about": about}
    if CORRECTED in scales.values():
        made_with["transductive"] = True
    values = combine(joined.values, weights, config.how).numpy()
    scores = Scores(joined.keys, values, joined.species, made_with)
    scores.write(folder / "scores.parquet")
    sample = None if config.sample_submission is None else Path(config.sample_submission)
    submitted, missing = scores.submission(sample)
    submitted.to_csv(folder / "submission.csv", index=False)
    if missing:
        _log.warning("%d recordings of the sample have no scores and get 0", len(missing))
    shown = pd.DataFrame({"scores": list(tables), "weight": shares})
    print_table(shown, f"{config.how} of {len(tables)} tables")
    _log.info("%d windows joined; the tables are in %s", len(scores), folder)
