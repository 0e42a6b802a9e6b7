"""The work on an archive: recordings to scorers, what became of them into the folder."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from queue import SimpleQueue
from time import monotonic
from typing import Protocol

import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from rfcx_audio.experiment.archive import Archive, archive_settings
from rfcx_audio.experiment.scoring import FileScorer, Outcome
from rfcx_audio.inference import Recogniser
from rfcx_audio.method import best_precision

_log = logging.getLogger(__name__)
_AHEAD = 2  # recordings handed out for each scorer, so that none waits for the next
_LINE_EVERY_S = 60.0


class Scorer(Protocol):
    """Whoever can say what becomes of a file."""

    def __call__(self, path: Path) -> Outcome:
        """The scores of a file, or why it has none."""
        ...

    def stop(self) -> None:
        """Ends what is in work, as soon as it can be ended."""
        ...


class Engine(Protocol):
    """Where scorers come from."""

    @property
    def device_type(self) -> str:
        """`cuda` or `cpu`."""
        ...

    def scorers(self, make: Callable[[str], FileScorer]) -> Sequence[Scorer]:
        """As many as recordings can be worked on at once, made by `make(device)`."""
        ...


def score_archive(
    engine: Engine, load: Callable[[], Recogniser], paths: Mapping[str, Path], folder: Path
) -> Archive:
    """Scores every recording that the folder has not done yet.

    Args:
        engine: which does it.
        load: makes the recogniser; it is called wherever a scorer is, and must survive pickling.
        paths: audio files by recording id.
        folder: see `Archive`.

    Raises:
        ArchiveError: the folder was begun with other settings or files.
    """
    device_type = engine.device_type
    precision = best_precision(device_type)
    recogniser = load()
    settings = archive_settings(recogniser, device_type, precision)
    archive = Archive(folder, paths, settings, recogniser.num_species)
    left = archive.left()
    if len(left) < len(paths):
        _log.info("%d of %d recordings are done already", len(paths) - len(left), len(paths))
    if left:
        work_off(archive, left, engine.scorers(partial(FileScorer, load, precision)))
    return archive


def work_off(archive: Archive, names: Sequence[str], scorers: Sequence[Scorer]) -> None:
    """Has recordings scored, and keeps what becomes of each as soon as it is known.

    Args:
        archive: which keeps it.
        names: of recordings.
        scorers: which are stopped in the end, also if that comes early.
    """
    free: SimpleQueue[Scorer] = SimpleQueue()
    for scorer in scorers:
        free.put(scorer)

    def score(name: str) -> tuple[str, Outcome]:
        scorer = free.get()
        try:
            return name, scorer(archive.paths[name])
        finally:
            free.put(scorer)

    coming, running = iter(names), set[Future[tuple[str, Outcome]]]()
    threads_before = torch.get_num_threads()
    # One core a thread: how sums are rounded must not depend on how many work beside each other.
    pool = ThreadPoolExecutor(len(scorers), initializer=torch.set_num_threads, initargs=(1,))
    try:
        with progress(len(archive.paths), len(names), len(archive.failures())) as advance:
            running |= {pool.submit(score, one) for one in islice(coming, _AHEAD * len(scorers))}
            while running:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for name, outcome in (future.result() for future in done):
                    archive.keep(name, outcome)
                    advance(isinstance(outcome, str))
                running |= {pool.submit(score, name) for name in islice(coming, len(done))}
    finally:
        for scorer in scorers:
            scorer.stop()
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads_before)


def progress_line(done: int, total: int, failures: int, done_now: int, seconds: float) -> str:
    """How far it is, how fast, and how long it will take.

    Args:
        done: recordings, those of earlier runs among them.
        total: recordings.
        failures: of all that are done.
        done_now: in this run.
        seconds: since this run began.
    """
    line = f"{done} of {total} recordings, {failures} unreadable"
    if not done_now or seconds <= 0:
        return line
    rate = done_now / seconds
    left = timedelta(seconds=round((total - done) / rate))
    return f"{line}, {60 * rate:.1f} a minute, {left} left"


@contextmanager
def progress(total: int, left: int, failures: int) -> Iterator[Callable[[bool], None]]:
    """Tells how it goes: with a bar on a terminal, with a line a minute elsewhere.

    Args:
        total: recordings.
        left: of them not yet done.
        failures: among those that are done.

    Yields:
        A function to call for each recording that is done, with whether it failed.
    """
    console = Console(stderr=True)
    begun = told = monotonic()
    done_now = 0

    def advance(failed: bool) -> None:
        nonlocal done_now, failures, told
        done_now, failures, now = done_now + 1, failures + failed, monotonic()
        line = progress_line(total - left + done_now, total, failures, done_now, now - begun)
        bar.update(task, advance=1, description=line)
        if not console.is_terminal and now - told > _LINE_EVERY_S:
            told = now
            _log.info(line)

    columns = BarColumn(), TextColumn("{task.description}")
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        first = progress_line(total - left, total, failures, 0, 0.0)
        task = bar.add_task(first, total=total, completed=total - left)
        yield advance
