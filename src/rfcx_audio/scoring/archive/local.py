"""`engine=local`: threads of this process, or several processes, one for each GPU."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import closing
from functools import partial
from itertools import islice
from multiprocessing.process import BaseProcess
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Protocol

import torch

from rfcx_audio.hardware import best_device, usable_cores
from rfcx_audio.scoring.archive.scorer import FileScorer, Outcome

_THREADS_AT_MOST = {"cpu": 8, "cuda": 32}
_FILES_PER_THREAD = {"cpu": 1, "cuda": 4}  # a file waits for its batch while others are read
_AHEAD = 2  # recordings handed out for each scorer, so that none waits for the next


class Pipe(Protocol):
    """One end of a pipe between processes; its type differs from system to system."""

    def send(self, obj: object, /) -> None: ...  # noqa: D102
    def recv(self) -> Any: ...  # noqa: ANN401, D102
    def close(self) -> None: ...  # noqa: D102


class LocalEngine:
    """Scores recordings on this machine.

    On a CPU, each thread reads and scores a stretch of a recording, with one core, so that some
    read while others compute, and no sum depends on the number of cores. On a GPU, the threads
    read, and stretches of several recordings are scored in one batch, see `Batcher`.

    Args:
        num_processes: None: one for each GPU, or without any GPU this process alone. Several share
            the GPUs evenly.
        num_threads: of each process; None: the cores that this process may use, shared by all
            processes, 8 at most, or 32 beside a GPU. Each takes memory of its own.
    """

    def __init__(self, num_processes: int | None = None, num_threads: int | None = None) -> None:
        for name, number in (("num_processes", num_processes), ("num_threads", num_threads)):
            if number is not None and number < 1:
                raise ValueError(f"engine.{name} = {number}; expected 1 or more, or null")
        self.num_processes = num_processes
        self.num_threads = num_threads

    @property
    def device_type(self) -> str:
        """`cuda` or `cpu`."""
        return best_device().type

    def outcomes(
        self, make: Callable[[str, int], FileScorer], paths: Mapping[str, Path]
    ) -> Generator[tuple[str, Outcome]]:
        """What becomes of recordings, see `Engine`."""
        return scored(self._scorers(make), paths)

    def _scorers(self, make: Callable[[str, int], FileScorer]) -> Sequence[Scorer]:
        """One for each recording that is worked on at once."""
        gpus = torch.cuda.device_count() if self.device_type == "cuda" else 0
        devices = [f"cuda:{gpu}" for gpu in range(gpus)] or ["cpu"]
        processes = self.num_processes or len(devices)
        share = max(1, usable_cores() // processes)
        threads = self.num_threads or min(_THREADS_AT_MOST[self.device_type], share)
        files = threads * _FILES_PER_THREAD[self.device_type]
        if processes == 1:
            return [make(devices[0], threads)] * files
        started = [
            ProcessScorer.start(partial(make, devices[number % len(devices)], threads), files)
            for number in range(processes)
        ]
        return [scorer for scorers in started for scorer in scorers]


class Scorer(Protocol):
    """What scores one file at a time."""

    def __call__(self, path: Path) -> Outcome: ...  # noqa: D102
    def stop(self) -> None: ...  # noqa: D102


def scored(scorers: Sequence[Scorer], paths: Mapping[str, Path]) -> Generator[tuple[str, Outcome]]:
    """What becomes of recordings, each as soon as it is known.

    Args:
        scorers: as many as recordings are worked on at once; they are stopped in the end, also if
            that comes early.
        paths: audio files by recording id.
    """
    free: SimpleQueue[Scorer] = SimpleQueue()
    for scorer in scorers:
        free.put(scorer)

    def score(name: str) -> tuple[str, Outcome]:
        scorer = free.get()
        try:
            return name, scorer(paths[name])
        finally:
            free.put(scorer)

    pool = ThreadPoolExecutor(len(scorers))
    coming = (pool.submit(score, name) for name in paths)
    try:
        running = set(islice(coming, _AHEAD * len(scorers)))
        while running:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            running |= set(islice(coming, len(done)))
            for future in done:
                yield future.result()
    finally:
        for scorer in scorers:
            scorer.stop()
        pool.shutdown(cancel_futures=True)


class ProcessScorer:
    """A thread of another process that scores; both end when either process does.

    Args:
        process: that it belongs to.
        connection: to the thread.
    """

    def __init__(self, process: BaseProcess, connection: Pipe) -> None:
        self.process = process
        self.connection = connection

    @staticmethod
    def start(make: Callable[[], FileScorer], files: int) -> list[ProcessScorer]:
        """All scorers of a new process: as many as files that it works on at once."""
        # A forked process cannot use CUDA, nor threads that it does not have.
        context = multiprocessing.get_context("spawn")
        pipes = [context.Pipe() for _ in range(files)]
        there = [far for _, far in pipes]
        process = context.Process(target=_serve, args=(make, there), daemon=True)
        process.start()
        for connection in there:
            connection.close()  # so that the other process holds the only one, and its end is felt
        return [ProcessScorer(process, here) for here, _ in pipes]

    def __call__(self, path: Path) -> Outcome:
        """What becomes of a file.

        Raises:
            RuntimeError: the process is no more.
        """
        try:
            self.connection.send(path)
            return self.connection.recv()
        except (EOFError, OSError):
            self.process.join(timeout=5)
            raise RuntimeError(
                f"the process that scored {path} ended (exit code {self.process.exitcode}); its "
                "messages are above. If it was killed for memory, lower engine.num_processes or "
                "engine.num_threads. The same command goes on with what is done"
            ) from None

    def stop(self) -> None:
        """Ends the process with all its threads."""
        self.process.terminate()
        self.process.join()


def _serve(make: Callable[[], FileScorer], connections: Sequence[Pipe]) -> None:
    """Answers paths with outcomes until the other side is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent acts
    scorer = make()
    with ThreadPoolExecutor(len(connections)) as pool:
        list(pool.map(partial(_answer, scorer), connections))


def _answer(scorer: FileScorer, connection: Pipe) -> None:
    with closing(connection):
        while True:
            try:
                path = connection.recv()
            except (EOFError, OSError):
                return
            connection.send(scorer(path))
