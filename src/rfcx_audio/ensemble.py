"""`python -m rfcx_audio.ensemble`: several tables of scores to one."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from torch import Tensor

from rfcx_audio.callbacks import rich_table
from rfcx_audio.config import DictConfig, entry_point
from rfcx_audio.data import read_rfcx
from rfcx_audio.inference import (
    EnsembleError,
    combine,
    common_settings,
    fit_weights,
    given_weights,
    join_scores,
    known_cells,
    pool_table,
    read_scores,
    submission,
    write_scores,
)

_log = logging.getLogger(__name__)


def read_members(paths: Sequence[str]) -> tuple[dict[str, pd.DataFrame], dict[str, dict[str, Any]]]:
    """The tables of all members by path, and their metadata.

    Raises:
        EnsembleError: a file is a checkpoint, or named twice.
    """
    tables, metadata = {}, {}
    for path in paths:
        if Path(path).suffix == ".ckpt":
            raise EnsembleError(
                f"{path} is a checkpoint; run `python -m rfcx_audio.predict checkpoint={path} "
                "recordings=…` and give its scores.parquet"
            )
        if path in tables:
            raise EnsembleError(f"{path} is named twice; give it a larger weight instead")
        tables[path], metadata[path] = read_scores(Path(path))
    return tables, metadata


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
    if config.truth is None or len(config.out_of_fold or []) != members:
        raise EnsembleError(
            f"weights=fit needs truth=… and out_of_fold=[…] with {members} tables in the order of "
            "scores, as rfcx_audio.crossval writes them"
        )
    tables, metadata = read_members(config.out_of_fold)
    common_settings(metadata, config.mixed_frontends)
    joined = join_scores(tables)
    place, num_species = Path(config.truth), len(joined.species)
    if place.is_dir():
        rows = read_rfcx(place, num_species)
    else:
        rows = pd.read_csv(place, dtype={"recording_id": str}).assign(present=True, weight=1.0)
    labels = known_cells(
        joined.keys, num_species, rows, config.min_overlap, complete=not place.is_dir()
    )
    return fit_weights(joined.scores, labels, config.how)


@entry_point("ensemble")
def main(config: DictConfig) -> None:
    """The command."""
    tables, metadata = read_members(config.scores)
    settings = common_settings(metadata, config.mixed_frontends)
    joined, weights = join_scores(tables), weights_of(config)
    values = combine(joined.scores, weights, config.how).to(joined.scores.dtype)
    table = joined.keys.join(pd.DataFrame(values.numpy(), columns=pd.Index(joined.species)))
    folder, shares = Path(config.paths.output_dir), weights.tolist()
    members = [
        {"scores": path, "weight": weight, "made_with": metadata[path]}
        for path, weight in zip(tables, shares, strict=True)
    ]
    made_with = {**settings, "how": config.how, "members": members}
    write_scores(table, folder / "scores.parquet", made_with)
    sample = None if config.sample_submission is None else Path(config.sample_submission)
    submitted, lacking = submission(pool_table(table, settings.get("pool", "max")), sample)
    submitted.to_csv(folder / "submission.csv", index=False)
    if lacking:
        _log.warning("%d recordings of the sample have no scores and get 0", len(lacking))
    shown = pd.DataFrame({"scores": list(tables), "weight": shares})
    Console().print(rich_table(shown, f"{config.how} of {len(tables)} tables"))
    _log.info("%d windows joined; the tables are in %s", len(table), folder)


if __name__ == "__main__":
    main()
