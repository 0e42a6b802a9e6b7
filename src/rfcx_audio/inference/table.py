"""Tables of scores: one row a window, one column a species, and the submission made of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from rfcx_audio.inference.whole_files import write_atomically
from rfcx_audio.inference.windows import Pool, pool_windows

KEY = ["recording_id", "t_min", "t_max"]
"""The columns that tell which window a row is of."""

_METADATA_KEY = b"rfcx_audio"


def species_columns(num_species: int) -> list[str]:
    """The columns `s0`, `s1`, … of the competition's submission file."""
    return [f"s{species}" for species in range(num_species)]


def score_table(
    recording_id: str, starts_s: np.ndarray, duration_s: float, scores: np.ndarray
) -> pd.DataFrame:
    """The scores of one recording's windows.

    Args:
        recording_id: of all rows.
        starts_s: (windows,) s.
        duration_s: of a window.
        scores: (windows, species) in [0, 1].

    Returns:
        `recording_id`, `t_min`, `t_max` (s), `s0`, `s1`, …
    """
    table = pd.DataFrame(scores, columns=pd.Index(species_columns(scores.shape[1])))
    table.insert(0, "recording_id", recording_id)
    table.insert(1, "t_min", starts_s)
    table.insert(2, "t_max", starts_s + duration_s)
    return table


def write_scores(table: pd.DataFrame, path: Path, metadata: dict[str, Any]) -> None:
    """Writes scores as Parquet, with what they were made with in the file's metadata.

    Raises:
        OSError: see `write_atomically`.
    """
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    kept = arrow.schema.metadata | {_METADATA_KEY: json.dumps(metadata).encode()}
    told = arrow.replace_schema_metadata(kept)
    write_atomically(path, lambda part: pq.write_table(told, part))


def read_scores(path: Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The inverse of `write_scores`: the table and its metadata.

    Raises:
        ValueError: the file is no table of scores.
    """
    try:
        arrow = pq.read_table(path)
    except (pa.ArrowInvalid, FileNotFoundError) as error:
        raise ValueError(f"{path} is no table of scores: {error}") from None
    table = arrow.to_pandas()
    if "recording_id" not in table or "s0" not in table:
        raise ValueError(f"{path} lacks the columns recording_id, s0, …; it has {list(table)}")
    return table, json.loads((arrow.schema.metadata or {}).get(_METADATA_KEY, b"{}"))


def pool_table(table: pd.DataFrame, pool: Pool) -> pd.DataFrame:
    """One row a recording, in order of first appearance, with `recording_id`, `s0`, `s1`, …."""
    columns = [name for name in table if name not in ("recording_id", "t_min", "t_max")]
    pooled = {
        name: pool_windows(torch.from_numpy(rows[columns].to_numpy(copy=True)), pool).numpy()
        for name, rows in table.groupby("recording_id", sort=False)
    }
    result = pd.DataFrame(list(pooled.values()), columns=pd.Index(columns))
    result.insert(0, "recording_id", list(pooled))
    return result


def submission(pooled: pd.DataFrame, sample: Path | None) -> tuple[pd.DataFrame, list[str]]:
    """Scores by recording in the order of a sample submission.

    Args:
        pooled: as `pool_table` returns it.
        sample: a file whose `recording_id` and columns give the order; None keeps the table's.

    Returns:
        The table, with 0 for recordings that the sample has and the scores lack, and their names.

    Raises:
        ValueError: the sample has other species columns than the scores.
    """
    if sample is None:
        return pooled, []
    wanted = pd.read_csv(sample, dtype={"recording_id": str})
    if list(wanted.columns) != list(pooled.columns):
        raise ValueError(
            f"{sample} has the columns {list(wanted.columns)}, the scores {list(pooled.columns)}"
        )
    scores = pooled.set_index("recording_id").reindex(wanted["recording_id"])
    lacking = scores.index[scores.isna().all(axis=1)].to_list()
    return scores.fillna(0.0).reset_index(), lacking
