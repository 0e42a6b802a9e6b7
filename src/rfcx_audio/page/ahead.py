"""What is made before it is asked for, in a cache that holds only so many bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock

from rfcx_audio.page.clips import Prepared

CACHED_BYTES = 64 * 2**20


class Ahead:
    """Prepares clips in a thread of its own.

    Args:
        prepare: makes a clip, by its number.
        most_bytes: of the clips that are kept; the one that was least recently asked for goes.
    """

    def __init__(self, prepare: Callable[[int], Prepared], most_bytes: int = CACHED_BYTES) -> None:
        self._prepare = prepare
        self._most_bytes = most_bytes
        self._made: OrderedDict[int, Prepared] = OrderedDict()
        self._begun: dict[int, Future[Prepared]] = {}
        self._size = 0
        self._lock = Lock()
        self._worker = ThreadPoolExecutor(1, "clips")

    def get(self, number: int) -> Prepared:
        """A clip: as it was made, or made now; what another thread has begun is waited for."""
        with self._lock:
            if number in self._made:
                self._made.move_to_end(number)
                return self._made[number]
            waiting = self._begun.get(number)
            if waiting is None or waiting.cancel():  # it waited for its turn, or is new
                ours: Future[Prepared] = Future()
                ours.set_running_or_notify_cancel()
                waiting = None
                self._begun[number] = ours
            else:
                ours = waiting
        if waiting is None:
            self._make(number, ours)
        return ours.result()

    def want(self, numbers: Iterable[int]) -> None:
        """Begins with clips, in their order, in place of those that were wanted before."""
        with self._lock:
            for number, begun in list(self._begun.items()):
                if begun.cancel():
                    del self._begun[number]
            for number in numbers:
                if number not in self._made and number not in self._begun:
                    self._begun[number] = self._worker.submit(self._kept, number)

    def close(self) -> None:
        """Ends the thread after what it is at."""
        self._worker.shutdown(wait=True, cancel_futures=True)

    def _make(self, number: int, promised: Future[Prepared]) -> None:
        try:
            promised.set_result(self._kept(number))
        except BaseException as error:
            promised.set_exception(error)  # for those who wait for it
            raise

    def _kept(self, number: int) -> Prepared:
        try:
            prepared = self._prepare(number)
            with self._lock:
                if not prepared.reason:  # an unreadable file may be mended
                    self._made[number] = prepared
                    self._size += prepared.size
                while self._size > self._most_bytes:
                    self._size -= self._made.popitem(last=False)[1].size
            return prepared
        finally:
            with self._lock:
                self._begun.pop(number, None)
