"""Archives: recordings scored one by one into a folder, to be left and taken up at any time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from rfcx_audio.batch import Failure
from rfcx_audio.data.recordings import file_name
from rfcx_audio.scores import Scores
from rfcx_audio.scoring.archive.growing import GrowingFolder, fingerprint
from rfcx_audio.scoring.archive.scorer import Outcome
from rfcx_audio.scoring.recogniser import Recogniser
from rfcx_audio.versions import versions
from rfcx_audio.whole_files import write_atomically

_LIBRARIES = ("rfcx-audio", "torch", "soxr")
_CELLS_AT_ONCE = 2**20  # in memory while the tables are joined: 80 MB as many small tables
_FILE_KEY = "file"
# A table of a few lines is mostly frame: without statistics and the like it is a third.
_SMALL = {
    "compression": "none",
    "use_dictionary": False,
    "write_statistics": False,
    "store_schema": False,
}


def archive_settings(recogniser: Recogniser, device_type: str, precision: str) -> dict[str, Any]:
    """Everything that the scores of an archive depend on beside the recordings, as plain JSON."""
    return {
        **recogniser.settings(),
        "device": device_type,
        "precision": precision,
        "versions": versions(_LIBRARIES),
    }


class Archive(GrowingFolder):
    """A folder that fills with the scores of recordings, one file each, and is joined in the end.

    `recordings/<id>.parquet` holds the scores of a recording; who deletes it has them made again.

    Args:
        folder: see `GrowingFolder`.
        paths: see `GrowingFolder`; in the order of the joined table.
        settings: as `archive_settings` returns them.
        species: names of the recogniser's outputs.

    Raises:
        ArchiveError: the folder was begun with other settings, or an id had another file.
    """

    def __init__(
        self,
        folder: Path,
        paths: Mapping[str, Path],
        settings: dict[str, Any],
        species: Sequence[str],
    ) -> None:
        super().__init__(folder, paths, settings)
        self.species = tuple(species)

    def is_kept(self, recording_id: str) -> bool:
        """Whether the recording has scores."""
        return self._scores(recording_id).exists()

    def kept_content(self, recording_id: str) -> str:
        """The fingerprint of the file that the scores are of; empty if it is unknown."""
        metadata = pq.read_metadata(self._scores(recording_id)).metadata or {}
        return metadata.get(_FILE_KEY.encode(), b"").decode()

    def keep(self, recording_id: str, outcome: Outcome) -> None:
        """Writes what became of a recording."""
        if isinstance(outcome, str):
            self.keep_reason(recording_id, outcome)
            return
        windows = (outcome.starts_s, self.settings["duration_s"], outcome.scores)
        scores = Scores.of_windows(recording_id, *windows, species=self.species)
        arrow = pa.Table.from_pandas(scores.frame(), preserve_index=False)
        arrow = arrow.replace_schema_metadata()
        known = fingerprint(self.paths[recording_id])

        def write(part: Path) -> None:
            with pq.ParquetWriter(part, arrow.schema, **_SMALL) as writer:
                writer.write_table(arrow)
                writer.add_key_value_metadata({_FILE_KEY: known})

        write_atomically(self._scores(recording_id), write)

    def join(self, metadata: dict[str, Any], sample: Path | None = None) -> list[str]:
        """Writes `scores.parquet`, `submission.csv` and `failures.csv`, in the order of `paths`.

        In memory is never more than a stretch of the table, and a line for each recording.

        Args:
            metadata: of the scores.
            sample: see `Scores.submission`.

        Returns:
            Recordings of the sample that have no scores.
        """
        nothing = np.zeros((1, len(self.species)))
        example = Scores.of_windows("", [0.0], 0.0, nothing, metadata, self.species)
        pooled: list[Scores] = [example.pool("max").rows(np.arange(0))]
        pool = self.settings["pool"]

        def write(part: Path) -> None:
            example.write(part)
            schema = pq.read_schema(part)
            with pq.ParquetWriter(part, schema) as writer:
                for tables in self._stretches():
                    table = pa.concat_tables([found.cast(schema) for found in tables])
                    writer.write_table(table)
                    pooled.append(Scores.from_frame(table.to_pandas()).pool(pool))

        write_atomically(self.folder / "scores.parquet", write)
        lines, missing = Scores.concatenate(pooled).submission(sample)
        failures = pd.DataFrame(self.failures(), columns=pd.Index(Failure._fields))
        for name, table in (("submission.csv", lines), ("failures.csv", failures)):
            write_atomically(
                self.folder / name, lambda part, table=table: table.to_csv(part, index=False)
            )
        self.clear_away()
        return missing

    def tables(self) -> Iterator[tuple[str, pa.Table]]:
        """The recordings that have scores, and these."""
        for name in self.paths:
            if self._scores(name).exists():
                yield name, pq.ParquetFile(self._scores(name)).read()

    def _stretches(self) -> Iterator[list[pa.Table]]:
        """The tables of recordings, some at a time."""
        tables: list[pa.Table] = []
        cells = 0
        for _, table in self.tables():
            tables.append(table)
            cells += table.num_rows * table.num_columns
            if cells > _CELLS_AT_ONCE:
                yield tables
                tables, cells = [], 0
        if tables:
            yield tables

    def _scores(self, name: str) -> Path:
        return self.folder / "recordings" / f"{file_name(name)}.parquet"
