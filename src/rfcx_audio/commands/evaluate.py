"""Scores and labels to a table of metrics."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from rfcx_audio.config import DictConfig
from rfcx_audio.data import read_annotations
from rfcx_audio.scores import Scores, evaluate, rich_table


def run(config: DictConfig) -> None:
    """The command."""
    scores, folder = Scores.read(config.scores), Path(config.paths.output_dir)
    annotations = read_annotations(config.labels, len(scores.species), config.species)
    table, species = evaluate(scores, annotations, config.min_overlap, config.seed)
    title = "partial labels: labelled windows only, no LWLRAP"
    if annotations.complete:
        table = table.reset_index(names="scores")
        title = f"complete truth, {len(scores.recordings)} recordings"
    folder.mkdir(parents=True, exist_ok=True)
    table.to_csv(folder / "metrics.csv", index=False)
    species.to_csv(folder / "species.csv", index=False)
    console = Console()
    console.print(rich_table(species, "by species"))
    console.print(rich_table(table, title))
