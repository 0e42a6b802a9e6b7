"""`python -m rfcx_audio.evaluate`: scores and labels to a table of metrics."""

from __future__ import annotations

import logging
from pathlib import Path

import pandas as pd
import torch
from rich.console import Console

from rfcx_audio.callbacks import rich_table
from rfcx_audio.config import DictConfig, entry_point
from rfcx_audio.data import Annotations, read_annotations
from rfcx_audio.metric import compare, per_species, window_summary
from rfcx_audio.scores import Scores

_log = logging.getLogger(__name__)


def evaluate_complete(
    scores: Scores, annotations: Annotations, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Recordings against complete truth: beside the baselines, and by species.

    Args:
        scores: of windows, pooled as their metadata say.
        annotations: complete; recordings without a row hold no species.
        seed: of the random baseline.
    """
    pooled, labels = scores.pool().labelled_by(annotations)
    silent = sorted(set(pooled.recordings) - set(annotations.rows["recording_id"]))
    if silent:
        _log.warning("%d recordings have no call, the first %r", len(silent), silent[0])
    generator = torch.Generator().manual_seed(seed)
    table = compare({"scores": pooled.tensor}, labels.target, generator)
    return table, per_species(pooled.tensor, *labels)


def evaluate_partial(
    scores: Scores, annotations: Annotations, min_overlap: float
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Windows against partial labels: metrics over the labelled cells, and by species.

    Args:
        scores: of windows.
        annotations: rows of recordings without scores are passed over.
        min_overlap: see `label_windows`.

    Raises:
        ValueError: no window is labelled.
    """
    windows, labels = scores.labelled_by(annotations, min_overlap)
    summary = pd.DataFrame([window_summary(windows.tensor, *labels)])
    return summary, per_species(windows.tensor, *labels)


@entry_point("evaluate")
def main(config: DictConfig) -> None:
    """The command."""
    scores, folder = Scores.read(config.scores), Path(config.paths.output_dir)
    annotations = read_annotations(config.labels, len(scores.species), config.species)
    folder.mkdir(parents=True, exist_ok=True)
    if annotations.complete:
        table, species = evaluate_complete(scores, annotations, config.seed)
        table = table.reset_index(names="scores")
        title = f"complete truth, {len(scores.recordings)} recordings"
    else:
        table, species = evaluate_partial(scores, annotations, config.min_overlap)
        title = "partial labels: labelled windows only, no LWLRAP"
    table.to_csv(folder / "metrics.csv", index=False)
    species.to_csv(folder / "species.csv", index=False)
    console = Console()
    console.print(rich_table(species, "by species"))
    console.print(rich_table(table, title))


if __name__ == "__main__":
    main()
