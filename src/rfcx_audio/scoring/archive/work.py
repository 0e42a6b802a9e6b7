"""The work on an archive: recordings to an engine, what became of them into the folder."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Literal, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from rfcx_audio.data import FeatureStore
from rfcx_audio.hardware import best_precision
from rfcx_audio.scoring.archive.folder import Archive, archive_settings
from rfcx_audio.scoring.archive.growing import GrowingFolder
from rfcx_audio.scoring.archive.scorer import FileScorer, Outcome
from rfcx_audio.scoring.archive.store import GrowingStore, store_settings
from rfcx_audio.scoring.blocks import WindowModel
from rfcx_audio.scoring.embedder import Embedder
from rfcx_audio.scoring.recogniser import Recogniser
from rfcx_audio.tracked import LINE_EVERY_S

_log = logging.getLogger(__name__)


class Engine(Protocol):
    """Who scores recordings, and where."""

    @property
    def device_type(self) -> str:
        """`cuda` or `cpu`."""
        ...

    def outcomes(
        self, make: Callable[[str, int], FileScorer], paths: Mapping[str, Path]
    ) -> Generator[tuple[str, Outcome]]:
        """What becomes of recordings, in any order, each as soon as it is known.

        Args:
            make: a scorer on a device, with so many threads; called where the work is done.
            paths: audio files by recording id.
        """
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
    archive = Archive(folder, paths, settings, recogniser.species)
    fill(archive, engine, load, precision)
    return archive


def embed_archive(
    engine: Engine,
    load: Callable[[], Embedder],
    paths: Mapping[str, Path],
    folder: Path,
    dtype: Literal["float16", "float32"] = "float16",
    known: FeatureStore | None = None,
) -> GrowingStore:
    """Embeds every recording that the folder has not done yet; `join` makes it a store.

    Args:
        engine: which does it.
        load: makes the embedder, see `score_archive`.
        paths: audio files by recording id.
        folder: see `GrowingStore`.
        dtype: that the features are kept in.
        known: a store, whose features of the same files are taken; None: there is none.

    Raises:
        ArchiveError: the folder was begun with other settings or files.
        StoreError: see `GrowingStore`.
    """
    settings = store_settings(load(), engine.device_type, dtype)
    store = GrowingStore(folder, paths, settings)
    taken = 0 if known is None else store.take(known)
    if known is not None and taken:
        _log.info("%d of %d recordings are taken from %s", taken, len(paths), known.folder)
    fill(store, engine, load, settings["precision"])
    return store


def fill(
    folder: GrowingFolder, engine: Engine, load: Callable[[], WindowModel], precision: str
) -> None:
    """Has an engine do what is left of the recordings of a folder, and keeps what becomes of each.

    Args:
        folder: of the recordings.
        engine: which does it.
        load: makes the model, see `score_archive`.
        precision: that networks compute in, see `autocast`.
    """
    paths = folder.paths
    left = {name: paths[name] for name in folder.left()}
    if len(left) < len(paths):
        _log.info("%d of %d recordings are done already", len(paths) - len(left), len(paths))
    if not left:
        return
    coming = engine.outcomes(partial(FileScorer, load, precision), left)
    with (
        closing(coming) as outcomes,
        progress(len(paths), len(left), len(folder.failures())) as advance,
    ):
        for name, outcome in outcomes:
            folder.keep(name, outcome)
            advance(isinstance(outcome, str))


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
    """Shows progress: with a bar on a terminal, with a line a minute elsewhere.

    Args:
        total: recordings.
        left: of them not yet done.
        failures: among those that are done.

    Yields:
        A function to call for each recording that is done, with whether it failed.
    """
    console = Console(stderr=True)
    begun = logged = monotonic()
    done_now = 0

    def advance(failed: bool) -> None:
        nonlocal done_now, failures, logged
        done_now, failures, now = done_now + 1, failures + failed, monotonic()
        line = progress_line(total - left + done_now, total, failures, done_now, now - begun)
        bar.update(task, advance=1, description=line)
        if not console.is_terminal and now - logged >= LINE_EVERY_S:
            logged = now
            _log.info(line)

    columns = BarColumn(), TextColumn("{task.description}")
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        first = progress_line(total - left, total, failures, 0, 0.0)
        task = bar.add_task(first, total=total, completed=total - left)
        yield advance
