"""`python -m rfcx_audio.prevalence`: how frequent species are where nobody has labelled anything.

TRANSDUCTIVE: the scores of a recording depend on all recordings that are scored with it.
"""

from __future__ import annotations

import logging
from pathlib import Path

import pandas as pd
import torch
from rich.console import Console
from torch import Tensor

from rfcx_audio.callbacks import rich_table
from rfcx_audio.config import DictConfig, entry_point
from rfcx_audio.data import read_rfcx
from rfcx_audio.inference import (
    Pool,
    Prevalence,
    believed_prevalence,
    checked_prevalence,
    draw_prevalence,
    estimate_prevalence,
    implied_prior,
    known_scores,
    mean_prevalence,
    pool_table,
    prior_correction,
    read_scores,
    save_picture,
    species_columns,
    surety,
    write_scores,
)

_log = logging.getLogger(__name__)
_LEAST_RESAMPLES = 20


def estimates_of(config: DictConfig, pooled: Tensor, pool: Pool) -> Prevalence:
    """The estimates, made here and checked by another estimator, or read.

    Args:
        config: of the command.
        pooled: (recordings, species) in [0, 1], unlabelled.
        pool: of their windows.

    Raises:
        ValueError: there are too few resamples; neither known scores with rows nor estimates are
            given, or both; or the known scores are pooled otherwise.
    """
    if config.resamples < _LEAST_RESAMPLES:
        raise ValueError(
            f"resamples={config.resamples} makes no interval; give {_LEAST_RESAMPLES} or more"
        )
    known = (config.known_scores, config.rows)
    if (config.prevalence is None) == (known == (None, None)) or (None in known and any(known)):
        raise ValueError("give either known_scores=… and rows=…, or prevalence=…")
    if config.prevalence is not None:
        places = [config.prevalence] if isinstance(config.prevalence, str) else config.prevalence
        return mean_prevalence([read_prevalence(place, pooled.shape[1]) for place in places])
    scores, made_with = read_scores(Path(config.known_scores))
    if made_with.get("pool", "max") != pool:
        raise ValueError(
            f"{config.known_scores} is pooled by {made_with.get('pool', 'max')}, {config.scores} "
            f"by {pool}: predict with pool={made_with.get('pool', 'max')}"
        )
    rows = read_rfcx(Path(config.rows), pooled.shape[1])
    told = known_scores(scores, rows, pool, config.min_overlap)
    generator = torch.Generator().manual_seed(config.seed)
    check = "mixture" if config.estimator == "confusion" else "confusion"
    found, check = (
        estimate_prevalence(pooled, told, generator, estimator, config.resamples)
        for estimator in (config.estimator, check)
    )
    return checked_prevalence(found, check)


def read_prevalence(path: str, num_species: int) -> Prevalence:
    """The estimates that this command wrote.

    Raises:
        ValueError: they are of other species.
    """
    table = pd.read_csv(path).sort_values("species_id")
    if table["species_id"].tolist() != list(range(num_species)):
        raise ValueError(f"{path} has {len(table)} species, the scores {num_species}")
    columns = (table[name].to_numpy("float64", copy=True) for name in Prevalence._fields)
    return Prevalence(*(torch.from_numpy(column) for column in columns))


def true_prevalence(path: Path, names: list[str], num_species: int) -> Tensor:
    """(species,): in which share of the recordings a table of every call has the species."""
    calls = pd.read_csv(path, dtype={"recording_id": str})
    there = calls[calls["recording_id"].isin(names)].groupby("species_id")["recording_id"].nunique()
    counts = there.reindex(range(num_species), fill_value=0).to_numpy("float64", copy=True)
    return torch.from_numpy(counts) / len(names)


@entry_point("prevalence")
def main(config: DictConfig) -> None:
    """The command."""
    table, made_with = read_scores(Path(config.scores))
    made_of = [one["made_with"] for one in made_with.get("members", [])]
    if any("prior_correction" in one for one in (made_with, *made_of)):
        raise ValueError(f"{config.scores} is corrected already; give what it was made from")
    folder, pool = Path(config.paths.output_dir), made_with.get("pool", "max")
    recordings = pool_table(table, pool)
    columns = species_columns(recordings.shape[1] - 1)
    pooled = torch.from_numpy(recordings[columns].to_numpy(copy=True))
    found = estimates_of(config, pooled, pool)
    sure = surety(found, config.usual_shift)
    prior = believed_prevalence(pooled, found, sure)
    made_under = implied_prior(pooled, prior)

    folder.mkdir(parents=True, exist_ok=True)
    said = pooled.double().mean(0)
    told = {"said": said, **found._asdict(), "surety": sure, "prior": prior}
    lines = pd.DataFrame({name: values.numpy() for name, values in told.items()})
    lines.insert(0, "species_id", range(len(columns)))
    lines.to_csv(folder / "prevalence.csv", index=False)
    against, says = said, "what the raw scores say: their mean"
    if config.truth is not None:
        names = recordings["recording_id"].tolist()
        against = true_prevalence(Path(config.truth), names, len(columns))
        says = "true prevalence"
    save_picture(draw_prevalence(found, against, says), folder / "prevalence.png")

    values = torch.from_numpy(table[columns].to_numpy(copy=True))
    table[columns] = prior_correction(values, prior, made_under).numpy()
    how = config.estimator if config.prevalence is None else str(config.prevalence)
    correction = {"transductive": True, "source": how, "prior": prior.tolist()}
    made_with["prior_correction"] = correction | {"made_under": made_under.tolist()}
    write_scores(table, folder / "scores.parquet", made_with)
    shown = lines.assign(species_id=columns)
    Console().print(rich_table(shown, f"prevalence in {len(pooled)} unlabelled recordings"))
    _log.warning("TRANSDUCTIVE: the scores in %s use all of these recordings", folder)


if __name__ == "__main__":
    main()
