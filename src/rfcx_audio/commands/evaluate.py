"""Scores and labels to a table of metrics."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd

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
    taken_for,
)
from rfcx_audio.screen import print_table
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
    print_table(species, "by species")
    print_table(shown_metrics(table), title)
    if limits is not None:
        detections(rows, labels, limits, folder)
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


def detections(rows: Scores, labels: Labels, thresholds: np.ndarray, folder: Path) -> None:
    """Writes and prints precision and recall at the thresholds, and the confusions."""
    found = precision_recall(rows, labels, thresholds)
    confused = taken_for(rows, labels, thresholds)
    found.to_csv(folder / "precision_recall.csv", index=False)
    confused.to_csv(folder / "taken_for.csv", index=False)
    what = "recordings" if rows.is_pooled else "windows"
    title = f"detections in {what}, over known cells, with 95 % limits"
    print_table(shown_detections(found), title)
    missing = int(np.isnan(thresholds).sum())
    if missing:
        _log.warning("%d species have no threshold, so that none of them is detected", missing)
    if confused.empty:
        _log.info("no species is taken for another where that is known")
        return
    head = confused.head(_CONFUSIONS_SHOWN)
    print_table(head, f"taken for one another, {len(head)} of {len(confused)} pairs")


def shown_detections(found: pd.DataFrame) -> pd.DataFrame:
    """The table of precision and recall as it is printed: limits below their values."""
    shown = found.rename(columns={"threshold": "at"})
    shown["at"] = [_short(value) for value in found["threshold"]]
    for name in ("precision", "recall"):
        ends = zip(*(shown.pop(f"{name}_{end}") for end in ("low", "high")), strict=True)
        limits = ["" if np.isnan(low) else f"\n{low:.2f}-{high:.2f}" for low, high in ends]
        shown[name] = [_short(v) + end for v, end in zip(found[name], limits, strict=True)]
    return shown


def _short(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.2f}"
