"""Writing the labels of a review for training elsewhere, for Raven and for spreadsheets."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from rfcx_audio.data import Recordings
from rfcx_audio.data.rows import RFCX_COLUMNS, RFCX_FILES
from rfcx_audio.events.selections import raven_table, starts_together_s, write_tabs
from rfcx_audio.whole_files import write_atomically

LABEL_FORMATS = ("csv", "raven", "rfcx")
"""Of the tables of labels."""


def write_labels(
    labels: pd.DataFrame,
    folder: Path,
    recordings: Recordings | None,
    species: Sequence[str],
    formats: Collection[str] = LABEL_FORMATS,
) -> list[str]:
    """Writes labels as tables, of which each can be read back as `labels=…`.

    Args:
        labels: as `labels_of_verdicts` returns them.
        folder: receives `labels.csv`, with who answered and when; `raven/labels.selections.txt`,
            with the column `Present`; and `rfcx/` with `train_tp.csv`, `train_fp.csv` and
            `species.csv`.
        recordings: that the labels are about. Raven's table names their files; the upper edge of
            rows without frequencies is half of their sample rate. None: unknown.
        species: names, in the order of their numbers; others are appended to `species.csv`.
        formats: of `LABEL_FORMATS`.

    Returns:
        A line for each format that was not written, with the reason.
    """
    left_out = []
    if "csv" in formats:
        _write(labels.assign(present=labels["present"].astype(int)), folder / "labels.csv")
    if recordings is None:
        left_out += [f"{one}: give recordings=…" for one in ("raven", "rfcx") if one in formats]
        return left_out
    boxed = labels.assign(
        f_min=labels["f_min"].fillna(0.0), f_max=labels["f_max"].fillna(recordings.nyquist_hz)
    )
    if "raven" in formats:
        missing = sorted(set(labels["recording_id"]) - set(recordings.paths))
        if missing:
            left_out.append(f"raven: recordings=… has no {missing[0]!r}")
        else:
            _write_raven(boxed, recordings, folder / "raven" / "labels.selections.txt")
    if "rfcx" in formats:
        nested = labels.loc[labels["recording_id"].str.contains("/", regex=False), "recording_id"]
        if len(nested):
            left_out.append(f"rfcx: its recordings lie in one folder, {nested.iloc[0]!r} does not")
        else:
            _write_rfcx(boxed, species, folder / "rfcx")
    return left_out


def _write_raven(labels: pd.DataFrame, recordings: Recordings, path: Path) -> None:
    paths = dict(sorted(recordings.paths.items()))
    begins_s = starts_together_s(paths, recordings.durations_s)
    begin = labels["recording_id"].map(begins_s).astype(float) + labels["t_min"]
    in_order = labels.iloc[np.argsort(begin.to_numpy(), kind="stable")]
    table = raven_table(in_order, paths, begins_s)
    score = table["Score"].astype(object).where(table["Score"].notna(), "")
    write_tabs(table.assign(Score=score, Present=in_order["present"].astype(int).to_numpy()), path)


def _write_rfcx(labels: pd.DataFrame, species: Sequence[str], folder: Path) -> None:
    names = list(dict.fromkeys([*species, *labels["species"]]))
    numbered = labels.assign(species_id=labels["species"].map(names.index), songtype_id=1)
    for name, present in RFCX_FILES.items():
        rows = numbered[numbered["present"] == present]
        _write(rows[list(RFCX_COLUMNS)], folder / name)
    table = pd.DataFrame({"species": names, "species_id": range(len(names))})
    _write(table, folder / "species.csv")


def _write(table: pd.DataFrame, path: Path) -> None:
    write_atomically(path, lambda part: table.to_csv(part, index=False))
