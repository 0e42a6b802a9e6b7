"""Queues of clips and the verdicts on them, in one SQLite file that many processes may share."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

PRESENT, ABSENT, UNSURE, OTHER, SKIPPED = "present", "absent", "unsure", "other", "skipped"
ANSWERS = (PRESENT, ABSENT, UNSURE, OTHER, SKIPPED)
"""`other`: the species of the clip is absent, and another one, which is named, is present."""

BOX = ("t_min", "t_max", "f_min", "f_max")
CLIP_COLUMNS = (
    *("recording_id", "species", *BOX, "score", "stratum", "probability"),
    *("site", "clock"),
)
"""Of a clip: its box (s, Hz; frequencies None where unknown), its score, the stratum that it was
drawn from and with which probability (None: it was chosen, not drawn by chance), and where and when
it was recorded, as text; empty where unknown."""

STRATUM_COLUMNS = ("species", "stratum", "population", "drawn")
"""How many windows a stratum has of which so many were drawn, for each species of a queue."""

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
_COUNTING = """
SELECT verdicts.*, clips.queue, clips.place, clips.recording_id, clips.species,
    clips.t_min AS clip_t_min, clips.t_max AS clip_t_max, clips.f_min AS clip_f_min,
    clips.f_max AS clip_f_max, clips.score, clips.stratum, clips.probability, queues.design
FROM verdicts JOIN clips USING (clip) JOIN queues USING (queue)
WHERE verdict IN (SELECT max(verdict) FROM verdicts WHERE undone IS NULL GROUP BY clip, reviewer)
ORDER BY verdict
"""


class VerdictError(ValueError):
    """A store of verdicts, or what shall be written into it, breaks a rule."""


class Verdict(NamedTuple):
    """One reviewer's answer to one clip.

    Attributes:
        clip: its number in the store.
        reviewer: who answered.
        answer: one of `ANSWERS`.
        request: unique to the answer, made by who sends it, so that one that is sent twice counts
            once.
        other_species: with `OTHER`, which one is present.
        box: `t_min`, `t_max` (s), `f_min`, `f_max` (Hz, or None) where the reviewer moved or
            stretched the clip's; None: as it is.
        note: of the reviewer.
    """

    clip: int
    reviewer: str
    answer: str
    request: str
    other_species: str | None = None
    box: Sequence[float | None] | None = None
    note: str = ""


class Standing(NamedTuple):
    """What is needed of a verdict to know what is left to do, see `Verdict`."""

    clip: int
    reviewer: str
    answer: str
    request: str


class VerdictStore:
    """Queues, clips and verdicts in one file.

    Every change is one transaction of SQLite's write-ahead log, so that a process that is killed
    loses none that it had confirmed. Verdicts are never changed or removed: an undone one is
    marked, and of those that a reviewer gave to a clip the last counts.

    Args:
        path: of the file, see `open`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def open(cls, path: str | Path, create: bool = False) -> VerdictStore:
        """A store that is there, or a new one.

        Args:
            path: of the file.
            create: whether to make it where it is not there.

        Raises:
            VerdictError: there is no store, or it is one of another version.
        """
        store = cls(Path(path))
        if not store.path.exists():
            if not create:
                raise VerdictError(
                    f"{path} does not exist; expected the verdicts.sqlite of rfcx-audio review"
                )
            store.path.parent.mkdir(parents=True, exist_ok=True)
        elif not is_verdict_store(store.path) and store.path.stat().st_size:
            raise VerdictError(f"{path} is no store of verdicts; rfcx-audio review makes one")
        with store._connected() as connection:
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
        return store

    def add_queue(
        self,
        design: str,
        clips: pd.DataFrame,
        strata: pd.DataFrame,
        seed: int,
        settings: Mapping[str, Any],
    ) -> int:
        """Writes a queue, whose order is that of its clips.

        Args:
            design: its name.
            clips: with the columns of `CLIP_COLUMNS`.
            strata: with the columns of `STRATUM_COLUMNS`; empty where no chance was in the choice.
            seed: of the draw.
            settings: plain JSON: of the draw; which scores, model, recordings and species.

        Returns:
            The number of the queue.

        Raises:
            VerdictError: a clip has no length, or there is none.
        """
        if clips.empty:
            raise VerdictError("the queue has no clip")
        if not (clips["t_max"] > clips["t_min"]).all():
            raise VerdictError("a clip does not end after it begins")
        with self._connected() as connection:
            connection.execute("BEGIN IMMEDIATE")
            made = {"made": _now(), "design": design, "seed": int(seed)}
            queue = _insert(connection, "queues", {**made, "settings": json.dumps(dict(settings))})
            _insert_all(connection, "strata", strata[list(STRATUM_COLUMNS)].assign(queue=queue))
            numbered = clips[list(CLIP_COLUMNS)].assign(queue=queue, place=range(len(clips)))
            _insert_all(connection, "clips", numbered)
        return queue

    def record(self, verdicts: Iterable[Verdict]) -> list[int]:
        """Writes verdicts in one transaction: all of them, or none.

        Returns:
            Their numbers; of one whose `request` is known already, the number that it has.

        Raises:
            VerdictError: an answer is none, a clip is unknown, a species or a reviewer is missing,
                a box does not end after it begins, or a `request` was another verdict's.
        """
        written = []
        with self._connected() as connection:
            connection.execute("BEGIN IMMEDIATE")
            for verdict in verdicts:
                known = connection.execute(
                    "SELECT verdict, clip, reviewer, answer FROM verdicts WHERE request = ?",
                    (verdict.request,),
                ).fetchone()
                if known is not None and tuple(known)[1:] != verdict[:3]:
                    raise VerdictError(f"the request {verdict.request!r} was another verdict's")
                written.append(known[0] if known else _write(connection, verdict))
        return written

    def withdraw(self, reviewer: str, requests: Sequence[str]) -> list[int]:
        """Marks the verdicts of some requests as undone, in one transaction.

        What is undone already stays as it is, so that a request to undo may be sent twice.

        Args:
            reviewer: whose.
            requests: of the verdicts, see `Verdict`.

        Returns:
            The clips that they were about; none for a request that is not this reviewer's.
        """
        clips = []
        with self._connected() as connection:
            connection.execute("BEGIN IMMEDIATE")
            for request in requests:
                row = connection.execute(
                    "UPDATE verdicts SET undone = coalesce(undone, ?) "
                    "WHERE reviewer = ? AND request = ? RETURNING clip",
                    (_now(), reviewer, request),
                ).fetchone()
                clips += [] if row is None else [int(row[0])]
        return clips

    def standing(self, queue: int) -> list[Standing]:
        """The verdicts on a queue's clips that are not undone, in their order; quick to read.

        Of several that a reviewer gave to a clip, the last counts.
        """
        chosen = (
            "SELECT clip, reviewer, answer, request FROM verdicts JOIN clips USING (clip) "
            "WHERE queue = ? AND undone IS NULL ORDER BY verdict"
        )
        with self._connected() as connection:
            return [Standing(*row) for row in connection.execute(chosen, (queue,))]

    def queues(self) -> pd.DataFrame:
        """`queue`, `made` (UTC), `design`, `seed` and `settings` (JSON), in their order."""
        return self._table("SELECT * FROM queues ORDER BY queue")

    def strata(self) -> pd.DataFrame:
        """`queue` and the columns of `STRATUM_COLUMNS`."""
        return self._table("SELECT * FROM strata ORDER BY queue, species, stratum")

    def clips(self, queue: int | None = None) -> pd.DataFrame:
        """`clip`, `queue`, `place` and the columns of `CLIP_COLUMNS`, in the order of the queue.

        Args:
            queue: whose; None: of all.
        """
        chosen = "SELECT * FROM clips WHERE ? IS NULL OR queue = ? ORDER BY queue, place"
        return self._table(chosen, (queue, queue))

    def verdicts(self) -> pd.DataFrame:
        """All that were ever given, the undone ones among them, in their order."""
        return self._table("SELECT * FROM verdicts ORDER BY verdict")

    def answers(self) -> pd.DataFrame:
        """The verdict that counts of each reviewer to each clip, with what is known of the clip.

        Returns:
            The columns of `verdicts`, where the box is the reviewer's (missing: as the clip's), and
            of the clip `queue`, `place`, `recording_id`, `species`, its own box as `clip_t_min`, …,
            `score`, `stratum`, `probability`, and of its queue `design`.
        """
        return self._table(_COUNTING)

    def _table(self, query: str, values: Sequence[Any] = ()) -> pd.DataFrame:
        with self._connected() as connection:
            found = connection.execute(query, values)
            columns = [one[0] for one in found.description]
            table = pd.DataFrame(found.fetchall(), columns=pd.Index(columns))
        numbers = {*BOX, *(f"clip_{name}" for name in BOX), "score", "probability"} & {*columns}
        return table.astype(dict.fromkeys(numbers, float))

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        """A connection, whose transaction is committed at the end, or rolled back by an error."""
        connection = sqlite3.connect(self.path, timeout=_WAIT_S, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            yield connection
            if connection.in_transaction:
                connection.execute("COMMIT")
        except sqlite3.DatabaseError as error:
            raise VerdictError(f"{self.path}: {error}") from error
        finally:
            connection.close()


def is_verdict_store(path: Path) -> bool:
    """Whether a file is a database of SQLite, by its ending and its first bytes."""
    if path.suffix.lower() not in _SUFFIXES or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(_HEADER)) == _HEADER


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _insert(connection: sqlite3.Connection, name: str, row: Mapping[str, Any]) -> int:
    marks = ", ".join(f":{column}" for column in row)
    statement = f"INSERT INTO {name} ({', '.join(row)}) VALUES ({marks}) RETURNING rowid"  # noqa: S608
    return int(connection.execute(statement, row).fetchone()[0])


def _insert_all(connection: sqlite3.Connection, name: str, table: pd.DataFrame) -> None:
    # SQLite keeps no NaN and no numbers of NumPy.
    plain = table.astype(object).where(table.notna(), None)
    for row in plain.to_dict("records"):
        _insert(connection, name, {str(column): value for column, value in row.items()})


def _write(connection: sqlite3.Connection, verdict: Verdict) -> int:
    clip = connection.execute("SELECT * FROM clips WHERE clip = ?", (verdict.clip,)).fetchone()
    box = (None,) * len(BOX) if verdict.box is None else tuple(verdict.box)
    faults = {
        f"there is no clip {verdict.clip}": clip is None,
        f"answer = {verdict.answer!r}; expected {', '.join(ANSWERS)}": verdict.answer
        not in ANSWERS,
        "a verdict needs the name of its reviewer": not verdict.reviewer.strip(),
        "a verdict needs a request of its own": not verdict.request,
        f"other_species goes with the answer {OTHER!r}, and only with it": (
            (verdict.answer == OTHER) != bool(verdict.other_species)
        ),
        f"a box has {len(BOX)} numbers, {', '.join(BOX)}, each end above its beginning": (
            verdict.box is not None and not _is_box(box)
        ),
    }
    for fault, is_one in faults.items():
        if is_one:
            raise VerdictError(fault)
    row = {name: getattr(verdict, name) for name in ("clip", "answer", "other_species", "note")}
    row |= {"reviewer": verdict.reviewer.strip(), "request": verdict.request, "answered": _now()}
    return _insert(connection, "verdicts", {**row, **dict(zip(BOX, box, strict=True))})


def _is_box(box: Sequence[float | None]) -> bool:
    if len(box) != len(BOX):
        return False
    t_min, t_max, f_min, f_max = box
    if t_min is None or t_max is None or not 0 <= t_min < t_max < float("inf"):
        return False
    if f_min is None or f_max is None:
        return f_min is None and f_max is None
    return 0 <= f_min < f_max < float("inf")
