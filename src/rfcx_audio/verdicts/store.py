"""Queues of clips and the verdicts on them, in one SQLite file that many processes may share."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from rfcx_audio.verdicts.database import (
    CLIP_COLUMNS,
    STRATUM_COLUMNS,
    connected,
    insert,
    insert_all,
    is_verdict_store,
    make_tables,
)
from rfcx_audio.verdicts.verdict import BOX, Verdict, VerdictError, check_verdict

_COUNTING = """
SELECT verdicts.*, clips.queue, clips.place, clips.recording_id, clips.species,
    clips.t_min AS clip_t_min, clips.t_max AS clip_t_max, clips.f_min AS clip_f_min,
    clips.f_max AS clip_f_max, clips.score, clips.stratum, clips.probability, queues.design
FROM verdicts JOIN clips USING (clip) JOIN queues USING (queue)
WHERE verdict IN (SELECT max(verdict) FROM verdicts WHERE undone IS NULL GROUP BY clip, reviewer)
ORDER BY verdict
"""


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
        make_tables(store.path, create)
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
        with connected(self.path) as connection:
            connection.execute("BEGIN IMMEDIATE")
            made = {"made": _now(), "design": design, "seed": int(seed)}
            queue = insert(connection, "queues", {**made, "settings": json.dumps(dict(settings))})
            insert_all(connection, "strata", strata[list(STRATUM_COLUMNS)].assign(queue=queue))
            numbered = clips[list(CLIP_COLUMNS)].assign(queue=queue, place=range(len(clips)))
            insert_all(connection, "clips", numbered)
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
        with connected(self.path) as connection:
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
        with connected(self.path) as connection:
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
        with connected(self.path) as connection:
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
        with connected(self.path) as connection:
            found = connection.execute(query, values)
            columns = [one[0] for one in found.description]
            table = pd.DataFrame(found.fetchall(), columns=pd.Index(columns))
        numbers = {*BOX, *(f"clip_{name}" for name in BOX), "score", "probability"} & {*columns}
        return table.astype(dict.fromkeys(numbers, float))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _write(connection: sqlite3.Connection, verdict: Verdict) -> int:
    clip = connection.execute("SELECT clip FROM clips WHERE clip = ?", (verdict.clip,)).fetchone()
    if clip is None:
        raise VerdictError(f"there is no clip {verdict.clip}")
    check_verdict(verdict)
    box = (None,) * len(BOX) if verdict.box is None else verdict.box
    row = {name: getattr(verdict, name) for name in ("clip", "answer", "other_species", "note")}
    row |= {"reviewer": verdict.reviewer.strip(), "request": verdict.request, "answered": _now()}
    return insert(connection, "verdicts", {**row, **dict(zip(BOX, box, strict=True))})
