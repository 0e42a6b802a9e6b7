"""`engine=local`: threads of this process, or several processes, one for each GPU."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Protocol

import torch

from rfcx_audio.experiment.scoring import FileScorer, Outcome

_THREADS_AT_MOST = 8


class Pipe(Protocol):
    """One end of a pipe between processes; its type differs from system to system."""

    def send(self, obj: object, /) -> None: ...  # noqa: D102
    def recv(self) -> Any: ...  # noqa: ANN401, D102
    def close(self) -> None: ...  # noqa: D102


class LocalEngine:
    """Scores recordings on this machine.

    Each thread reads and scores a recording of its own, with one core, so that some read while
    others compute, and no sum depends on the number of cores.

    Args:
        num_processes: None: one for each GPU, or without any GPU this process alone. Several share
            the GPUs evenly.
        num_threads: recordings that each process works on at once; None: the cores that this
            process may use, shared by all processes, 8 at most. Each takes memory of its own.
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
        return "cuda" if torch.cuda.is_available() else "cpu"

    def scorers(self, make: Callable[[str], FileScorer]) -> list[FileScorer | ProcessScorer]:
        """As many scorers as recordings can be worked on at once.

        Args:
            make: a scorer on a device; it is called in the process that scores.
        """
        gpus = torch.cuda.device_count() if self.device_type == "cuda" else 0
        devices = [f"cuda:{gpu}" for gpu in range(gpus)] or ["cpu"]
        processes = self.num_processes or len(devices)
        threads = self.num_threads or min(_THREADS_AT_MOST, max(1, _cores() // processes))
        if processes == 1:
            return [*[make(devices[0])] * threads]
        started = [
            ProcessScorer.start(partial(make, devices[number % len(devices)]), threads)
            for number in range(processes)
        ]
        return [scorer for scorers in started for scorer in scorers]


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
    def start(make: Callable[[], FileScorer], threads: int) -> list[ProcessScorer]:
        """All scorers of a new process."""
        # A forked process cannot use CUDA, nor threads that it does not have.
        context = multiprocessing.get_context("spawn")
        pipes = [context.Pipe() for _ in range(threads)]
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
                f"the process that scored {path} ended (exit code {self.process.exitcode}); what "
                "it said is above. If it was killed for memory, lower engine.num_processes or "
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
    torch.set_num_threads(1)
    with closing(connection):
        while True:
            try:
                path = connection.recv()
            except (EOFError, OSError):
                return
            connection.send(scorer(path))


def _cores() -> int:
    affinity = getattr(os, "sched_getaffinity", None)  # which not every system has
    return len(affinity(0)) if affinity else os.cpu_count() or 1
