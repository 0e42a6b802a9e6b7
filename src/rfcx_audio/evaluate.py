"""`python -m rfcx_audio.evaluate`: scores and truth to a table of metrics."""

from __future__ import annotations

import logging
from pathlib import Path

import pandas as pd
import torch
from rich.console import Console

from rfcx_audio.callbacks import rich_table
from rfcx_audio.config import DictConfig, entry_point
from rfcx_audio.data import complete_labels, read_rfcx
from rfcx_audio.inference import known_cells, pool_table, read_scores
from rfcx_audio.inference.table import KEY
from rfcx_audio.metric import compare, per_species, window_summary

_log = logging.getLogger(__name__)


def evaluate_complete(
    scores: pd.DataFrame, pool: str, truth: pd.DataFrame, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Scores against complete truth: beside the baselines, and by species.

    Args:
        scores: as `rfcx_audio.predict` writes them.
        pool: how windows become recordings.
        truth: every call (`recording_id`, `species_id`); recordings not in it hold no species.
        seed: of the random baseline.
    """
    pooled = pool_table(scores, pool)  # pyright: ignore[reportArgumentType]
    values = torch.from_numpy(pooled.drop(columns="recording_id").to_numpy(copy=True))
    calls = truth.groupby("recording_id")["species_id"].agg(list)
    silent = sorted(set(pooled["recording_id"]) - set(calls.index))
    if silent:
        _log.warning(
            "%d recordings have no call in the truth, the first %r", len(silent), silent[0]
        )
    target = torch.stack(
        [complete_labels(calls.get(n, []), values.shape[1]).target for n in pooled["recording_id"]]
    )
    generator = torch.Generator().manual_seed(seed)
    known = torch.ones_like(target)
    return compare({"scores": values}, target, generator), per_species(values, target, known)


def evaluate_partial(
    scores: pd.DataFrame, rows: pd.DataFrame, min_overlap: float
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Scores against rows: metrics over the windows that a row speaks of, and by species.

    Args:
        scores: as `rfcx_audio.predict` writes them.
        rows: as `read_rfcx` returns them; rows of recordings without scores are passed over.
        min_overlap: see `label_windows`.

    Raises:
        ValueError: no row speaks of any scored window.
    """
    keys, values = scores[KEY], scores.drop(columns=KEY)
    labels = known_cells(keys, values.shape[1], rows, min_overlap, complete=False)
    if not labels.known.any():
        raise ValueError("no row speaks of any scored window; check the recording ids")
    found = torch.from_numpy(values.to_numpy(copy=True))
    summary = pd.DataFrame([window_summary(found, *labels)])
    return summary, per_species(found, *labels)


@entry_point("evaluate")
def main(config: DictConfig) -> None:
    """The command."""
    scores, made_with = read_scores(Path(config.scores))
    place, folder = Path(config.truth), Path(config.paths.output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    if place.is_dir():
        num_species = len(scores.columns) - 3  # besides recording_id, t_min, t_max
        table, species = evaluate_partial(scores, read_rfcx(place, num_species), config.min_overlap)
        title = "partial truth: known windows only, no LWLRAP"
    else:
        truth = pd.read_csv(place, dtype={"recording_id": str})
        pool = made_with.get("pool", "max")
        table, species = evaluate_complete(scores, pool, truth, config.seed)
        table = table.reset_index(names="scores")
        title = f"complete truth, {scores['recording_id'].nunique()} recordings"
    table.to_csv(folder / "metrics.csv", index=False)
    species.to_csv(folder / "species.csv", index=False)
    console = Console()
    console.print(rich_table(species, "by species"))
    console.print(rich_table(table, title))


if __name__ == "__main__":
    main()
