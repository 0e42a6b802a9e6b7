"""A table of scores: keys of windows or recordings, values, species, and metadata."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from rfcx_audio.batch import Labels
from rfcx_audio.data import Annotations, few
from rfcx_audio.scores.known import RECORDING, WINDOW, check_names, label_keys
from rfcx_audio.scores.pool import Pool, pool_windows
from rfcx_audio.whole_files import write_atomically

_METADATA_KEY = b"rfcx_audio"
_SHOWN = 3


def species_columns(num_species: int) -> list[str]:
    """The columns `s0`, `s1`, … of the competition's submission file."""
    return [f"s{species}" for species in range(num_species)]


@dataclass(frozen=True, eq=False, repr=False)
class Scores:
    """Scores with one row per window (or per recording) and one column per species.

    >>> scores = rfcx_audio.Scores.of_windows("dawn", [0.0, 3.0], 6.0, [[0.1, 0.8], [0.6, 0.2]])
    >>> scores
    Scores: 2 windows of 1 recording, 2 species (s0, s1)
    >>> scores.pool("max").frame()
      recording_id   s0   s1
    0         dawn  0.6  0.8

    Attributes:
        keys: `recording_id`, `t_min`, `t_max` (s) of windows; `recording_id` alone of recordings.
        values: (rows, species) float32, probabilities unless the metadata state otherwise.
        species: names of the columns; `s0`, `s1`, … where the names are unknown.
        metadata: how the scores were made, as plain JSON; `pool` is the default of `Scores.pool`.

    Raises:
        ValueError: the key columns are unknown, or the shapes do not match.
    """

    keys: pd.DataFrame
    values: np.ndarray
    species: tuple[str, ...]
    metadata: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Checks keys and shapes, and converts the parts to their types."""
        values = np.asarray(self.values, dtype=np.float32)
        if tuple(self.keys) not in (WINDOW, RECORDING):
            raise ValueError(f"keys are {list(self.keys)}; expected {list(WINDOW)} or {RECORDING}")
        if values.shape != (len(self.keys), len(self.species)):
            raise ValueError(
                f"values are {values.shape}; expected ({len(self.keys)}, {len(self.species)}), a "
                "row for each key and a column for each species"
            )
        types = dict.fromkeys(self.keys, float) | {RECORDING[0]: str}
        check_names(self.species)
        object.__setattr__(self, "keys", self.keys.reset_index(drop=True).astype(types))
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "species", tuple(self.species))

    @classmethod
    def of_windows(
        cls,
        recording_id: str,
        starts_s: Sequence[float] | np.ndarray,
        duration_s: float,
        values: Sequence[Sequence[float]] | np.ndarray,
        metadata: dict[str, Any] | None = None,
        species: Sequence[str] | None = None,
    ) -> Scores:
        """The scores of one recording's windows.

        Args:
            recording_id: of all rows.
            starts_s: (windows,) s.
            duration_s: of a window.
            values: (windows, species) in [0, 1].
            metadata: see `Scores`.
            species: names of the columns; None: `s0`, `s1`, …
        """
        starts_s, values = np.asarray(starts_s, dtype=float), np.asarray(values)
        columns = ([recording_id] * len(starts_s), starts_s, starts_s + duration_s)
        keys = pd.DataFrame(dict(zip(WINDOW, columns, strict=True)))
        names = species_columns(values.shape[1]) if species is None else species
        return cls(keys, values, tuple(names), metadata or {})

    @classmethod
    def from_frame(cls, frame: pd.DataFrame, metadata: dict[str, Any] | None = None) -> Scores:
        """The inverse of `frame`: every column except the keys is a species.

        Columns called `s0`, `s1`, … are sorted by their number.

        Raises:
            ValueError: a key column is missing, or a column is not numeric.
        """
        keys = WINDOW if set(WINDOW[1:]) & set(frame) else RECORDING
        missing = [name for name in keys if name not in frame]
        species = [str(name) for name in frame if name not in keys]
        if missing or not species:
            what = ", ".join([*missing, *([] if species else ["s0, s1, …"])])
            raise ValueError(f"the table lacks the column(s) {what}; it has {list(frame)}")
        others = [name for name in species if not pd.api.types.is_numeric_dtype(frame[name])]
        if others:
            raise ValueError(
                f"the column(s) {others} hold no numbers; expected {', '.join(keys)} and one "
                f"column of scores for each species, got {list(frame)}"
            )
        numbered = species_columns(len(species))
        species = numbered if set(numbered) == set(species) else species
        return cls(frame[list(keys)], frame[species].to_numpy(), tuple(species), metadata or {})

    @classmethod
    def concatenate(cls, several: Sequence[Scores]) -> Scores:
        """The rows of several tables, with the species and the metadata of the first.

        Raises:
            ValueError: the tables have different species.
        """
        first = several[0]
        if any(one.species != first.species for one in several):
            raise ValueError("scores of different species cannot stand below one another")
        keys = pd.concat([one.keys for one in several], ignore_index=True)
        return cls(
            keys, np.concatenate([one.values for one in several]), first.species, first.metadata
        )

    @classmethod
    def read(cls, path: str | Path) -> Scores:
        """Reads a file that `write` made.

        Raises:
            ValueError: the file is missing, or is no table of scores.
        """
        try:
            arrow = pq.read_table(path)
        except (pa.ArrowInvalid, FileNotFoundError) as error:
            raise ValueError(f"{path} is no table of scores: {error}") from None
        try:
            metadata = json.loads((arrow.schema.metadata or {}).get(_METADATA_KEY, b"{}"))
            return cls.from_frame(arrow.to_pandas(), metadata)
        except ValueError as error:
            raise ValueError(f"{path} is no table of scores: {error}") from None

    def write(self, path: str | Path) -> None:
        """Writes a Parquet file atomically, with the metadata in its schema.

        Raises:
            OSError: see `write_atomically`.
        """
        arrow = pa.Table.from_pandas(self.frame(), preserve_index=False)
        metadata = arrow.schema.metadata | {_METADATA_KEY: json.dumps(self.metadata).encode()}
        described = arrow.replace_schema_metadata(metadata)
        write_atomically(Path(path), lambda part: pq.write_table(described, part))

    def frame(self) -> pd.DataFrame:
        """The key columns, then one column per species."""
        return self.keys.join(pd.DataFrame(self.values, columns=pd.Index(self.species)))

    @property
    def tensor(self) -> Tensor:
        """(rows, species) float32, a copy of the values."""
        return torch.tensor(self.values)

    @property
    def recordings(self) -> list[str]:
        """The recording ids, without repetition, in order of first appearance."""
        return list(self.keys[RECORDING[0]].unique())

    @property
    def ends_s(self) -> dict[str, float]:
        """The end of the last window of each recording, s."""
        ends = self.keys.groupby(WINDOW[0])[WINDOW[2]].max()
        return {str(name): float(end) for name, end in ends.items()}

    @property
    def places(self) -> dict[str, np.ndarray]:
        """The row indices of each recording, in the order of `recordings`."""
        found = self.keys.groupby(RECORDING[0], sort=False).indices
        return {name: np.asarray(found[name]) for name in self.recordings}

    @property
    def is_pooled(self) -> bool:
        """Whether the rows are recordings."""
        return tuple(self.keys) == RECORDING

    def with_values(self, values: np.ndarray | Tensor, **metadata: Any) -> Scores:  # noqa: ANN401
        """The same rows with other values; `metadata` is added to the existing metadata."""
        return Scores(self.keys, np.asarray(values), self.species, {**self.metadata, **metadata})

    def of_species(self, names: Sequence[str]) -> Scores:
        """The columns of species, in their order.

        Raises:
            ValueError: there is none of a name.
        """
        missing = [name for name in names if name not in self.species]
        if missing:
            raise ValueError(
                f"the scores have no species {few(missing)}; they have {few(list(self.species))}"
            )
        columns = [self.species.index(name) for name in names]
        return Scores(self.keys, self.values[:, columns], tuple(names), self.metadata)

    def rows(self, which: np.ndarray) -> Scores:
        """Some of the rows.

        Args:
            which: a (rows,) bool mask, or row indices.
        """
        return Scores(self.keys.iloc[which], self.values[which], self.species, self.metadata)

    def rows_of(self, recordings: Collection[str]) -> Scores:
        """The rows of some recordings; recordings without scores are ignored."""
        return self.rows(self.keys[RECORDING[0]].isin(list(recordings)).to_numpy())

    def pool(self, how: Pool | None = None) -> Scores:
        """One row per recording, in order of first appearance.

        Args:
            how: see `pool_windows`; None takes `pool` of the metadata, or `max` without one.

        Raises:
            ValueError: the pool is unknown.
        """
        pool = str(self.metadata.get("pool", "max")) if how is None else how
        places = self.places
        pooled = [pool_windows(torch.from_numpy(self.values[own]), pool) for own in places.values()]
        values = torch.stack(pooled).numpy() if pooled else self.values[:0]
        keys = pd.DataFrame({RECORDING[0]: list(places)})
        return Scores(keys, values, self.species, {**self.metadata, "pool": pool})

    def labelled_by(
        self, annotations: Annotations, min_overlap: float = 0.5
    ) -> tuple[Scores, Labels]:
        """The rows that annotations label, and their labels.

        Args:
            annotations: those of recordings without scores are ignored, see `check_labels`.
            min_overlap: see `label_keys`.

        Returns:
            The rows with at least one known species, and their (rows, species) labels.

        Raises:
            ValueError: no row has a known species.
        """
        labels = label_keys(self.keys, len(self.species), annotations, min_overlap)
        known = labels.known.amax(1) > 0  # (rows,)
        if not known.any():
            what = "recording" if self.is_pooled else "window"
            raise ValueError(
                f"the annotations label no scored {what}: {len(annotations.rows)} rows, "
                f"{len(self.recordings)} scored recordings; check the recording ids"
            )
        return self.rows(known.numpy()), Labels(labels.target[known], labels.known[known])

    def submission(self, sample: Path | None) -> tuple[pd.DataFrame, list[str]]:
        """Scores per recording in the order of a sample submission.

        Args:
            sample: a file whose `recording_id` and columns give the order; None keeps the order of
                the scores.

        Returns:
            The table, with 0 for recordings of the sample that have no scores, and their ids.

        Raises:
            ValueError: the columns of the sample and of the scores differ.
        """
        pooled = (self if self.is_pooled else self.pool()).frame()
        if sample is None:
            return pooled, []
        wanted = pd.read_csv(sample, dtype={RECORDING[0]: str}, keep_default_na=False)
        numbered = [RECORDING[0], *species_columns(len(self.species))]
        if list(wanted.columns) == numbered:  # the competition's columns, whatever the names
            pooled = pooled.set_axis(numbered, axis=1)
        if list(wanted.columns) != list(pooled.columns):
            raise ValueError(
                f"{sample} has the columns {list(wanted.columns)}, the scores {list(pooled)}"
            )
        lines = pooled.set_index(RECORDING[0]).reindex(wanted[RECORDING[0]])
        missing = lines.index[~lines.index.isin(self.recordings)].to_list()
        return lines.fillna(0.0).reset_index(), missing

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.keys)

    def __repr__(self) -> str:
        """The numbers of rows, recordings and species."""
        count, names = len(self.recordings), ", ".join(self.species[:_SHOWN])
        recordings = f"{count} recording{'' if count == 1 else 's'}"
        rows = recordings if self.is_pooled else f"{len(self)} windows of {recordings}"
        more = ", …" if len(self.species) > _SHOWN else ""
        return f"Scores: {rows}, {len(self.species)} species ({names}{more})"
