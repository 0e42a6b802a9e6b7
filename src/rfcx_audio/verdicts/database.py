"""The file of a store of verdicts: its tables, connections to it, and rows that go in."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from rfcx_audio.verdicts.verdict import BOX, VerdictError

CLIP_COLUMNS = (
    *("recording_id", "species", *BOX, "score", "stratum", "probability"),
    *("site", "clock"),
)
"""Of a clip: its box (s, Hz; frequencies None where unknown), its score, the stratum that it was
drawn from and with which probability (None: it was chosen, not drawn by chance), and where and when
it was recorded, as text; empty where unknown."""

STRATUM_COLUMNS = ("species", "stratum", "population", "drawn")
"""How many windows a stratum has of which so many were drawn, for each species of a queue."""

STORE_NAME = "verdicts.sqlite"
"""Of the file, in the folder of a review."""

_SUFFIXES = (".sqlite", ".sqlite3", ".db")
_HEADER = b"SQLite format 3\x00"
_VERSION = 1
_WAIT_S = 30.0  # for another process to end its transaction
_SCHEMA = """
CREATE TABLE queues (
    queue INTEGER PRIMARY KEY, made TEXT NOT NULL, design TEXT NOT NULL, seed INTEGER NOT NULL,
    settings TEXT NOT NULL);
CREATE TABLE strata (
    queue INTEGER NOT NULL REFERENCES queues, species TEXT NOT NULL, stratum TEXT NOT NULL,
    population INTEGER NOT NULL, drawn INTEGER NOT NULL, PRIMARY KEY (queue, species, stratum));
CREATE TABLE clips (
    clip INTEGER PRIMARY KEY, queue INTEGER NOT NULL REFERENCES queues, place INTEGER NOT NULL,
    recording_id TEXT NOT NULL, species TEXT NOT NULL, t_min REAL NOT NULL, t_max REAL NOT NULL,
    f_min REAL, f_max REAL, score REAL, stratum TEXT NOT NULL, probability REAL, site TEXT NOT NULL,
    clock TEXT NOT NULL, UNIQUE (queue, place));
CREATE TABLE verdicts (
    verdict INTEGER PRIMARY KEY, clip INTEGER NOT NULL REFERENCES clips, reviewer TEXT NOT NULL,
    answered TEXT NOT NULL, answer TEXT NOT NULL, other_species TEXT, t_min REAL, t_max REAL,
    f_min REAL, f_max REAL, note TEXT NOT NULL, request TEXT NOT NULL UNIQUE, undone TEXT);
CREATE INDEX verdicts_of_clips ON verdicts (clip, reviewer);
"""


def make_tables(path: Path, create: bool) -> None:
    """Makes the tables of a new file, and checks those of one that is there.

    Args:
        path: of the file.
        create: whether to make them where there are none.

    Raises:
        VerdictError: they are of another version, or there are none.
    """
    with connected(path) as connection:
        connection.execute("BEGIN IMMEDIATE")  # of two processes that create it, one waits
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version == 0 and create:
            for statement in _SCHEMA.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {_VERSION}")
        elif version != _VERSION:
            raise VerdictError(
                f"{path} is no store of verdicts of version {_VERSION}, but of {version}"
            )


@contextmanager
def connected(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection, whose transaction is committed at the end, or rolled back by an error.

    Raises:
        VerdictError: SQLite cannot do what is asked.
    """
    connection = sqlite3.connect(path, timeout=_WAIT_S, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        yield connection
        if connection.in_transaction:
            connection.execute("COMMIT")
    except sqlite3.DatabaseError as error:
        raise VerdictError(f"{path}: {error}") from error
    finally:
        connection.close()


def is_verdict_store(path: Path) -> bool:
    """Whether a file is a database of SQLite, by its ending and its first bytes."""
    if path.suffix.lower() not in _SUFFIXES or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(_HEADER)) == _HEADER


def insert(connection: sqlite3.Connection, name: str, row: Mapping[str, Any]) -> int:
    """Writes a row into a table, and returns its number."""
    marks = ", ".join(f":{column}" for column in row)
    statement = f"INSERT INTO {name} ({', '.join(row)}) VALUES ({marks}) RETURNING rowid"  # noqa: S608
    return int(connection.execute(statement, row).fetchone()[0])


def insert_all(connection: sqlite3.Connection, name: str, table: pd.DataFrame) -> None:
    """Writes the rows of a data frame into a table."""
    # SQLite keeps no NaN and no numbers of NumPy.
    plain = table.astype(object).where(table.notna(), None)
    for row in plain.to_dict("records"):
        insert(connection, name, {str(column): value for column, value in row.items()})
