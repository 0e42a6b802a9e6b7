"""Selection tables of Raven: one row a selection, with times within its file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from rfcx_audio.data.rows import AnnotationError, few


def is_selection_table(text: pd.DataFrame) -> bool:
    """Whether a table has Raven's column `Selection`."""
    return "Selection" in text


def one_view(table: pd.DataFrame, text: pd.DataFrame) -> pd.DataFrame:
    """One row a selection: Raven lists it once for each view and channel.

    Only a spectrogram's row has frequencies, so that one is kept.

    Args:
        table: its fields.
        text: the same table with its own columns.
    """
    if "View" not in text:
        return table
    keys = table[["recording_id", "t_min", "t_max", "file_offset", "species"]]
    keys = keys.assign(selection=text["Selection"])
    waveforms_last = text["View"].str.startswith("Waveform").sort_values(kind="stable").index
    return table.loc[keys.loc[waveforms_last].drop_duplicates().index].sort_index()


def within_files(path: Path, table: pd.DataFrame, has_offset: bool) -> None:
    """Times within the file, in place: Raven counts from the first of the files that were opened.

    Args:
        path: of the table, for messages.
        table: its fields.
        has_offset: whether it has the column `File Offset (s)`.

    Raises:
        AnnotationError: it names several files and has no such column.
    """
    if not has_offset:
        recordings = sorted(table["recording_id"].unique())
        if len(recordings) > 1:
            raise AnnotationError(
                f"{path} line 1 lacks the column File Offset (s), and the table names "
                f"{len(recordings)} files ({few(recordings)}), so that its times may count from "
                "the start of the first; add the measurement File Offset in Raven and save again"
            )
        return
    begin, end, offset = (
        pd.to_numeric(table[name], errors="coerce") for name in ("t_min", "t_max", "file_offset")
    )
    t_max = (offset + end - begin).round(9)  # without the rounding errors of a sum
    sums = table["file_offset"] + " + " + table["t_max"] + " - " + table["t_min"]
    table["t_max"] = t_max.astype(str).where(np.isfinite(t_max), sums)
    table["t_min"] = table["file_offset"]
