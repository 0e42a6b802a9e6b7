"""One queue under review: what reviewers are shown, and what is written down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from threading import Lock
from time import monotonic
from typing import Any

from rfcx_audio.page.ahead import CACHED_BYTES, Ahead
from rfcx_audio.page.clips import FINE, Clips, Prepared
from rfcx_audio.page.order import OncePer, Order, last_of
from rfcx_audio.verdicts import Standing, Verdict, VerdictStore

GRID_SIZES = (12, 24, 48)
AHEAD = 10
"""Clips that a browser knows of, and has ready before they are shown."""

_LONGEST_NAME, _LONGEST_NOTE = 100, 2000
_LEFT_S = 600.0  # after which a reviewer who asked for nothing is taken to be gone


class AnswerError(ValueError):
    """A request that cannot be answered, and why."""


class Review:
    """A queue of a store with its sounds.

    Args:
        store: of the verdicts.
        queue: its number there.
        clips: of that queue.
        once_per: see `Order`.
        species: names to choose another species from, besides those of the queue.
        reviewer: who answers, where the command knows; empty: the page asks.
        most_bytes: of clips kept in memory.
    """

    def __init__(
        self,
        store: VerdictStore,
        queue: int,
        clips: Clips,
        once_per: OncePer | None = None,
        species: Sequence[str] = (),
        reviewer: str = "",
        most_bytes: int = CACHED_BYTES,
    ) -> None:
        self._store = store
        self._queue = queue
        self._clips = clips
        self._order = Order(clips.table, once_per)
        self._species = {*species, *clips.table["species"]}
        self._reviewer = reviewer
        self._ahead = Ahead(clips.prepare, most_bytes)
        self._shown: dict[str, tuple[float, list[int]]] = {}  # by reviewer: since when, and what
        self._lock = Lock()
        self._ahead.want(self._upcoming(self._standing(), reviewer, None)[:AHEAD])

    def about(self) -> dict[str, Any]:
        """What does not change while the page is open."""
        return {
            "queue": self._queue,
            "reviewer": self._reviewer,
            "species": sorted(self._species),
            "of_queue": sorted(set(self._order.species.values())),
            "views": list(self._clips.views),
            "grid_sizes": list(GRID_SIZES),
        }

    def state(self, reviewer: str) -> dict[str, Any]:
        """How far the queue is, and which clips come next for a reviewer.

        Raises:
            AnswerError: the reviewer has no name.
        """
        name = _name(reviewer)
        return self._next(name, self._standing())

    def grid(self, reviewer: str, species: str, size: str) -> dict[str, Any]:
        """The next clips of one species, for a page of many.

        Raises:
            AnswerError: the reviewer has no name, or there is no page of that size.
        """
        name = _name(reviewer)
        if size not in map(str, GRID_SIZES):
            raise AnswerError(f"a page has {', '.join(map(str, GRID_SIZES))} clips")
        standing = self._standing()
        numbers = self._upcoming(standing, name, species)
        numbers, later = numbers[: int(size)], numbers[int(size) : 2 * int(size)]
        self._show(name, numbers)
        self._ahead.want([*numbers, *later])
        shown = [self._clips.about(number) for number in numbers]
        return {"clips": shown, "progress": self._order.progress(standing, name)}

    def record(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Writes verdicts in one transaction; what comes next.

        Raises:
            AnswerError: one of them breaks a rule; none is written.
            VerdictError: so the store found, or it cannot be written.
        """
        name = _name(asked.get("reviewer"))
        lines = asked.get("verdicts")
        if not isinstance(lines, list) or not 0 < len(lines) <= max(GRID_SIZES):
            raise AnswerError(f"expected a list of 1 to {max(GRID_SIZES)} verdicts")
        verdicts = [self._verdict(line, name) for line in lines]
        self._store.record(verdicts)
        with self._lock:
            self._species |= {one.other_species for one in verdicts if one.other_species}
        return self._next(name, self._standing())

    def undo(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Marks the verdicts of some requests as undone; what comes next.

        Raises:
            AnswerError: the requests are no list of texts.
        """
        name = _name(asked.get("reviewer"))
        requests = asked.get("requests")
        if not isinstance(requests, list) or not all(isinstance(one, str) for one in requests):
            raise AnswerError("expected a list of requests")
        self._store.withdraw(name, requests[: max(GRID_SIZES)])
        return self._next(name, self._standing())

    def prepared(self, number: int) -> Prepared:
        """The sound and the pictures of a clip.

        Raises:
            AnswerError: it is not of this queue, or its sound cannot be read.
        """
        if number not in self._clips:
            raise AnswerError(f"the queue has no clip {number}")
        prepared = self._ahead.get(number)
        if prepared.reason:
            raise AnswerError(prepared.reason)
        return prepared

    def picture(self, number: int, view: str) -> tuple[bytes, dict[str, Any]]:
        """A picture of a clip as PNG, and where its ends are on both axes, as plain JSON.

        Raises:
            AnswerError: there is none.
        """
        pictures = self.prepared(number).pictures
        if view not in pictures:
            raise AnswerError(f"there is no view {view!r}; expected {', '.join(pictures)}")
        about = pictures[view]._asdict()
        return about.pop("png"), {**about, "smooth": view == FINE}

    def close(self) -> None:
        """Ends what is made ahead."""
        self._ahead.close()

    def _verdict(self, line: Any, reviewer: str) -> Verdict:  # noqa: ANN401 (JSON)
        number = line.get("clip") if isinstance(line, dict) else None
        if type(number) is not int or number not in self._clips:
            raise AnswerError(f"the queue has no clip {number!r}")
        texts = {key: line.get(key) or "" for key in ("answer", "request", "other_species", "note")}
        if not all(isinstance(one, str) for one in texts.values()):
            raise AnswerError("answer, request, other_species and note are text")
        limits = {"request": _LONGEST_NAME, "other_species": _LONGEST_NAME, "note": _LONGEST_NOTE}
        for key, longest in limits.items():
            if len(texts[key]) > longest:
                raise AnswerError(f"{key} has more than {longest} characters")
        other = texts.pop("other_species").strip() or None
        return Verdict(number, reviewer, **texts, other_species=other, box=_box(line.get("box")))

    def _next(self, reviewer: str, standing: Sequence[Standing]) -> dict[str, Any]:
        numbers = self._upcoming(standing, reviewer, None)
        self._show(reviewer, numbers[:AHEAD])
        self._ahead.want(numbers[:AHEAD])
        last = last_of(standing, reviewer)
        return {
            "upcoming": [self._clips.about(number) for number in numbers[:AHEAD]],
            "left": len(numbers),
            "progress": self._order.progress(standing, reviewer),
            "last": {
                "requests": [one.request for one in last],
                "clips": [self._clips.about(one.clip) for one in last],
            },
        }

    def _standing(self) -> list[Standing]:
        return self._store.standing(self._queue)

    def _upcoming(
        self, standing: Sequence[Standing], reviewer: str, species: str | None
    ) -> list[int]:
        with self._lock:
            shown = {
                number
                for who, (since, numbers) in self._shown.items()
                if who != reviewer and monotonic() - since < _LEFT_S
                for number in numbers
            }
        return self._order.upcoming(standing, reviewer, shown, species)

    def _show(self, reviewer: str, numbers: list[int]) -> None:
        with self._lock:
            self._shown[reviewer] = (monotonic(), numbers)


def _name(reviewer: Any) -> str:  # noqa: ANN401 (JSON)
    name = reviewer.strip() if isinstance(reviewer, str) else ""
    if not 0 < len(name) <= _LONGEST_NAME or not name.isprintable():
        raise AnswerError(f"a reviewer needs a name of at most {_LONGEST_NAME} characters")
    return name


def _box(box: Any) -> list[float | None] | None:  # noqa: ANN401 (JSON)
    if box is None:
        return None
    if not isinstance(box, list) or not all(
        one is None or (isinstance(one, int | float) and not isinstance(one, bool)) for one in box
    ):
        raise AnswerError("a box is a list of numbers")
    return [None if one is None else float(one) for one in box]
