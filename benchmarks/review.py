"""The page of reviews in Chromium: the first clip, the next after a verdict, memory; a queue."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from benchmarks.timing import NotMeasured, Row
from rfcx_audio.queues import Strata, draw, frame_of_detections
from rfcx_audio.verdicts import VerdictStore

_TESTS = Path(__file__).parents[1] / "tests"  # whose recordings and browser these are
_NEXT_S, _FIRST_S = 0.1, 10.0
_FEW, _MANY = 250, 10_000
_DETECTIONS, _DRAWN, _QUEUE_S = 100_000, 1000, 5.0
_PACE_MS = 250  # of a reviewer who is quick


class Measured(NamedTuple):
    """One round of verdicts.

    Attributes:
        first_s: from the start of the command to the first clip on the screen.
        next_s: from each key to the next clip on the screen.
        megabytes: of the server at most, in the end.
    """

    first_s: float
    next_s: list[float]
    megabytes: float


def review_rows(repeats: int, verdicts: int = 200) -> Iterator[Row | NotMeasured]:
    """Answers clips by keys, four a second, in queues of 250 and of 10 000 clips.

    The times from key to clip are the browser's own.

    Args:
        repeats: number of times.
        verdicts: in each of them.
    """
    queue = f"a queue of {_DRAWN} clips"
    seconds = [(_queue_s(), _QUEUE_S) for _ in range(repeats)]
    yield Row(queue, f"from {_DETECTIONS} detections", "a limit of five seconds", "s", seconds, 1.0)
    group = f"review in Chromium, {verdicts} verdicts"
    if not _pages().CHROMIUM.exists() or find_spec("playwright") is None:
        yield NotMeasured(group, "Chromium or playwright is not installed")
        return
    rounds = [(_measured(_MANY, verdicts), _measured(_FEW, verdicts)) for _ in range(repeats)]
    many = [one for one, _ in rounds]
    nexts = {
        "next clip, median": [median(one.next_s) for one in many],
        "next clip, 95th percentile": [float(np.percentile(one.next_s, 95)) for one in many],
    }
    for name, seconds in nexts.items():
        yield Row(group, name, "a limit of 100 ms", "s", [(one, _NEXT_S) for one in seconds], 1.0)
    first = [(one.first_s, _FIRST_S) for one in many]
    yield Row(group, "first clip after the start", "a limit of ten seconds", "s", first, 1.0)
    pairs = [(one.megabytes, few.megabytes) for one, few in rounds]
    yield Row("review, peak memory", f"{_MANY} clips", f"{_FEW} clips", "MB", pairs, 1.25)


def _pages() -> ModuleType:
    if str(_TESTS) not in sys.path:
        sys.path.append(str(_TESTS))
    return import_module("review_pages")


def _measured(clips: int, verdicts: int) -> Measured:
    pages = _pages()
    with TemporaryDirectory() as name, pages.browser() as chromium:
        folder = Path(name)
        pages.write_review(folder, clips, recordings=10)
        begun = perf_counter()
        with pages.served(folder, "reviewer=benchmark") as server:
            page = chromium.new_page(viewport={"width": 1280, "height": 800})
            page.goto(server.address)
            page.locator("body[data-shown='1']").wait_for(state="attached")
            first_s = perf_counter() - begun
            page.wait_for_timeout(1000)
            for number in range(verdicts):
                page.keyboard.press("yn"[number % 2])
                page.wait_for_timeout(_PACE_MS)
            return Measured(first_s, _times_s(page), _peak_mb(server.process.pid))


def _queue_s() -> float:
    """By strata of score, from detections of 20 species in 1 000 recordings, to the store."""
    rng = np.random.default_rng(0)
    start = rng.uniform(0, 3600, _DETECTIONS)
    table = pd.DataFrame(
        {
            "recording_id": [f"r{number}" for number in rng.integers(0, 1000, _DETECTIONS)],
            "t_min": start,
            "t_max": start + rng.uniform(0.5, 3.0, _DETECTIONS),
            "species": [f"s{number}" for number in rng.integers(0, 20, _DETECTIONS)],
            "score": rng.random(_DETECTIONS),
        }
    )
    with TemporaryDirectory() as name:
        store = VerdictStore.open(Path(name) / "verdicts.sqlite", create=True)
        begun = perf_counter()
        draw(frame_of_detections(table, {}, None), Strata(number=_DRAWN), store, {})
        return perf_counter() - begun


def _times_s(page: Any) -> list[float]:
    names = "() => performance.getEntriesByName('next clip').map((one) => one.duration)"
    return [one / 1000 for one in page.evaluate(names)]


def _peak_mb(process: int) -> float:
    status = Path(f"/proc/{process}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) / 1024
