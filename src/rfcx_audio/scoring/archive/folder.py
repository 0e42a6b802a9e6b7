"""Archives: recordings scored one by one into a folder, to be left and taken up at any time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from rfcx_audio.batch import Failure
from rfcx_audio.data.recordings import absolute, readable_name
from rfcx_audio.scores import Scores
from rfcx_audio.scoring.archive.scorer import Outcome
from rfcx_audio.scoring.recogniser import Recogniser
from rfcx_audio.versions import versions
from rfcx_audio.whole_files import write_atomically

SETTINGS, RECORDINGS = "settings.json", "recordings.csv"
_LIBRARIES = ("rfcx-audio", "torch", "soxr")
_CELLS_AT_ONCE = 2**20  # in memory while the tables are joined: 80 MB as many small tables
_LONGEST_NAME = 200  # bytes; file systems take 255, with the ending
_LOOKED_AT = 2**16  # bytes at either end of a file, by which it is known again
_FILE_KEY = "file"
# A table of a few lines is mostly frame: without statistics and the like it is a third.
_SMALL = {
    "compression": "none",
    "use_dictionary": False,
    "write_statistics": False,
    "store_schema": False,
}


class ArchiveError(ValueError):
    """A folder that cannot be gone on with, and why."""


def archive_settings(recogniser: Recogniser, device_type: str, precision: str) -> dict[str, Any]:
    """Everything that the scores of an archive depend on beside the recordings, as plain JSON."""
    return {
        **recogniser.settings(),
        "device": device_type,
        "precision": precision,
        "versions": versions(_LIBRARIES),
    }


def file_name(recording_id: str) -> str:
    """What the files of a recording are called: its id, or the begin of a long one and a hash."""
    above, slash, last = recording_id.rpartition("/")
    if len(last.encode()) <= _LONGEST_NAME:
        return recording_id
    begin = last.encode()[: _LONGEST_NAME // 2].decode(errors="ignore")
    return f"{above}{slash}{begin}~{hashlib.sha256(last.encode()).hexdigest()[:16]}"


def fingerprint(path: Path) -> str:
    """The size of an ordinary file and a hash of its ends; empty if it cannot be read."""
    if not path.is_file():  # opening a pipe would wait for whoever writes into it
        return ""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            digest = hashlib.sha256(file.read(_LOOKED_AT))
            file.seek(max(0, size - _LOOKED_AT))
            digest.update(file.read(_LOOKED_AT))
    except OSError:
        return ""
    return f"{size} {digest.hexdigest()[:32]}"


class Archive:
    """A folder that fills with the scores of recordings, one file each, and is joined in the end.

    `recordings/<id>.parquet` holds the scores of a recording, `unreadable/<id>.txt` the reason why
    it has none (in place of a long id, see `file_name`); who deletes one of them has it done again.
    `settings.json` and `recordings.csv` keep what the folder was begun with. The recordings may
    have moved since: scores are gone on with if their file is the same by its content.

    Args:
        folder: made if it is not there.
        paths: audio files by recording id, in the order of the joined table. There may be more or
            fewer of them than when the folder was begun.
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
        self.folder = folder
        self.paths = paths
        self.settings = settings
        self.species = tuple(species)
        self._keep_settings()
        self._keep_paths()

    def left(self) -> list[str]:
        """The recordings that nothing has become of yet."""
        return [
            name
            for name in self.paths
            if not self._scores(name).exists() and not self._reason(name).exists()
        ]

    def keep(self, recording_id: str, outcome: Outcome) -> None:
        """Writes what became of a recording."""
        if isinstance(outcome, str):
            write_atomically(self._reason(recording_id), lambda part: part.write_text(outcome))
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
        for part in self.folder.rglob(f".{'?' * 32}.part.*"):  # of runs that were killed
            part.unlink(missing_ok=True)
        return missing

    def failures(self) -> list[Failure]:
        """The recordings that could not be read."""
        reasons = ((name, self._reason(name)) for name in self.paths)
        return [Failure(name, path.read_text()) for name, path in reasons if path.exists()]

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

    def _reason(self, name: str) -> Path:
        return self.folder / "unreadable" / f"{file_name(name)}.txt"

    def _keep_settings(self) -> None:
        path = self.folder / SETTINGS
        text = json.dumps(self.settings, indent=2, sort_keys=True)
        if not path.exists():
            write_atomically(path, lambda part: part.write_text(text + "\n"))
            return
        begun, now = json.loads(path.read_text()), json.loads(text)
        changed = [
            f"{key} was {begun.get(key)!r} and is {now.get(key)!r}"
            for key in sorted({*begun, *now})
            if begun.get(key) != now.get(key)
        ]
        if changed:
            raise ArchiveError(
                f"{self.folder} was begun with other settings: {'; '.join(changed)}. Give it the "
                "same, or choose another folder: out=…"
            )

    def _keep_paths(self) -> None:
        path = self.folder / RECORDINGS
        now = {name: _written(file) for name, file in self.paths.items()}
        if path.exists():
            table = pd.read_csv(path, dtype=str, keep_default_na=False)
            for name, file in zip(table["recording_id"], table["path"], strict=True):
                if now.setdefault(name, file) not in (file, _written(Path(file))):
                    self._check_moved(name, file)
        table = pd.DataFrame(now.items(), columns=pd.Index(["recording_id", "path"]))
        write_atomically(path, lambda part: table.to_csv(part, index=False))

    def _check_moved(self, name: str, before: str) -> None:
        """Compares a recording that lies elsewhere now with the one that was scored, if it was."""
        self._reason(name).unlink(missing_ok=True)  # what could not be read there is tried again
        if not self._scores(name).exists():
            return
        known = (
            (pq.read_metadata(self._scores(name)).metadata or {})
            .get(_FILE_KEY.encode(), b"")
            .decode()
        )
        if not known or known != fingerprint(self.paths[name]):
            raise ArchiveError(
                f"{self.folder} was begun with another file of the id {name!r}: it was {before}, "
                f"and {self.paths[name]} has another content. Choose another folder: out=…"
            )


def _written(path: Path) -> str:
    """A path as the list of recordings has it, wherever the command is given."""
    return readable_name(str(absolute(path)))
