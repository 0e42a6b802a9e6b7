from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from rfcx_audio.page.ahead import Ahead
from rfcx_audio.page.clips import Prepared


def of(size: int, made: Counter[int]) -> Callable[[int], Prepared]:
    def prepare(number: int) -> Prepared:
        made[number] += 1
        return Prepared(bytes(size), float(number), {})

    return prepare


def test_a_clip_is_made_once_however_many_ask_for_it() -> None:
    made: Counter[int] = Counter()
    ahead = Ahead(of(10, made))
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(ahead.get, [1, 2, 3, 4] * 50))
    assert [one.start_s for one in found] == [1, 2, 3, 4] * 50
    assert set(made.values()) == {1}
    ahead.close()


def test_the_cache_is_bounded_and_the_least_recent_goes_first() -> None:
    made: Counter[int] = Counter()
    ahead = Ahead(of(100, made), most_bytes=1000)
    for number in range(10_000):
        ahead.get(number)
        ahead.get(0)
    assert made[0] == 1
    ahead.get(9_995)
    assert made[9_995] == 1
    ahead.get(5)
    assert made[5] == 2
    ahead.close()


def test_what_is_wanted_is_there_and_what_is_wanted_no_more_is_left_out() -> None:
    made: Counter[int] = Counter()
    gate = Event()

    def prepare(number: int) -> Prepared:
        gate.wait(10)
        return of(10, made)(number)

    ahead = Ahead(prepare)
    ahead.want([1, 2, 3])
    ahead.want([4])
    gate.set()
    ahead.get(4)
    ahead.close()
    assert 2 not in made
    assert 3 not in made


def test_a_clip_that_waits_for_its_turn_is_made_at_once_when_it_is_asked_for() -> None:
    gate, begun = Event(), Event()

    def prepare(number: int) -> Prepared:
        if number == 1:
            begun.set()
            assert gate.wait(10)
        return Prepared(b"", float(number), {})

    ahead = Ahead(prepare)
    ahead.want([1, 2])
    assert begun.wait(10)
    assert ahead.get(2).start_s == 2  # though the thread is at 1
    gate.set()
    assert ahead.get(1).start_s == 1
    ahead.close()


def test_an_error_reaches_who_asked_and_an_unreadable_clip_is_tried_again() -> None:
    tries: list[int] = []

    def prepare(number: int) -> Prepared:
        tries.append(number)
        if number == 1:
            raise RuntimeError("no memory")
        return Prepared(b"", 0.0, {}, "the file does not exist")

    ahead = Ahead(prepare)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="no memory"):
            ahead.get(1)
        assert ahead.get(2).reason
    assert tries == [1, 2, 1, 2]
    ahead.close()
