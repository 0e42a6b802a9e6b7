"""Scores and labels to a table of metrics."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console

from rfcx_audio.batch import Labels
from rfcx_audio.commands.labels import labels_of
from rfcx_audio.config import DictConfig
from rfcx_audio.data import Annotations
from rfcx_audio.scores import (
    Scores,
    draw_distributions,
    evaluate,
    precision_recall,
    read_thresholds,
    rich_table,
    taken_for,
)
from rfcx_audio.whole_files import save_picture

_log = logging.getLogger(__name__)
_CONFUSIONS_SHOWN = 10


def run(config: DictConfig) -> None:
    """The command."""
    scores, folder = Scores.read(config.scores), Path(config.paths.output_dir)
    annotations = labels_of(config, scores.species, scores.recordings)
    limits = None if config.thresholds is None else read_thresholds(config.thresholds, scores)
    table, species = evaluate(scores, annotations, config.min_overlap, config.seed)
    rows, labels = labelled_rows(scores, annotations, config.min_overlap)
    folder.mkdir(parents=True, exist_ok=True)
    title = title_of(table)
    if "scores" in table.index:
        table = table.reset_index(names="scores")
    table.to_csv(folder / "metrics.csv", index=False)
    species.to_csv(folder / "species.csv", index=False)
    save_picture(draw_distributions(rows, labels, limits), folder / "distributions.png")
    console = Console()
    console.print(rich_table(species, "by species"))
    console.print(rich_table(shown_metrics(table), title))
    if limits is not None:
        detections(rows, labels, limits, folder, console)
    _log.info("the tables and the picture are in %s", folder)


def title_of(table: pd.DataFrame) -> str:
    """What the metrics are of."""
    number = int(table["recordings"].iloc[-1])
    if "scores" in table.index:
        return f"complete truth, {number} recordings"
    if "complete_recordings" not in table:
        return f"partial labels: labelled windows of {number} recordings only, no LWLRAP"
    whole = int(table["complete_recordings"].iloc[0])
    return f"labelled windows of {number} recordings; LWLRAP of the {whole} with complete truth"


def shown_metrics(table: pd.DataFrame) -> pd.DataFrame:
    """The metrics as they are printed: beside baselines as they are, else one a line."""
    if "scores" in table:
        return table.drop(columns="recordings")
    values = table.iloc[0].to_dict()
    shown = [int(v) if str(name).startswith("cells_") else v for name, v in values.items()]
    lines = pd.DataFrame({"metric": list(values), "value": pd.Series(shown, dtype=object)})
    return lines[~lines["metric"].isin(["recordings", "complete_recordings"])]


def labelled_rows(
    scores: Scores, annotations: Annotations, min_overlap: float
) -> tuple[Scores, Labels]:
    """The labelled windows; where the annotations have no times, the labelled recordings."""
    timed = annotations.rows[["t_min", "t_max"]].notna().to_numpy().all()
    return (scores if timed else scores.pool()).labelled_by(annotations, min_overlap)


def detections(
    rows: Scores, labels: Labels, thresholds: np.ndarray, folder: Path, console: Console
) -> None:
    """Writes and prints precision and recall at the thresholds, and the confusions."""
    found = precision_recall(rows, labels, thresholds)
    confused = taken_for(rows, labels, thresholds)
    found.to_csv(folder / "precision_recall.csv", index=False)
    confused.to_csv(folder / "taken_for.csv", index=False)
    what = "recordings" if rows.is_pooled else "windows"
    shown = found.assign(threshold=found["threshold"].map("{:.3f}".format))
    for name in ("precision", "recall"):
        low, high = (shown.pop(f"{name}_{end}").map("{:.2f}".format) for end in ("low", "high"))
        shown[name] = shown[name].map("{:.2f}".format) + "\n" + low + "-" + high
    title = f"detections in {what}, over known cells, with 95 % limits"
    console.print(rich_table(shown, title))
    missing = int(np.isnan(thresholds).sum())
    if missing:
        _log.warning("%d species have no threshold, so that none of them is detected", missing)
    if confused.empty:
        console.print("no species is taken for another where that is known")
        return
    head = confused.head(_CONFUSIONS_SHOWN)
    title = f"taken for one another, {len(head)} of {len(confused)} pairs"
    console.print(rich_table(head, title))
