"""The stretches of recordings, read ahead in threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, Protocol

from torch import Tensor

from rfcx_audio.data import AudioError
from rfcx_audio.hardware import usable_cores
from rfcx_audio.scoring.blocks import Block

_THREADS_AT_MOST = 8
_AHEAD = 2  # stretches for each thread that are read or waiting; 12 MB each at 48 kHz


class Plan(Protocol):
    """Who plans and reads recordings."""

    def blocks(self, recording: Path | Tensor) -> list[Block]:
        """The blocks of a recording."""
        ...

    def read(self, recording: Path | Tensor, block: Block) -> Tensor:
        """The stretch of a block."""
        ...


class Stretch(NamedTuple):
    """A part of a recording that is being read.

    Attributes:
        recording_id: of the recording.
        part: a block and its waveform (samples,), or the `AudioError` that reading it raised.
    """

    recording_id: str
    part: Future[tuple[Block, Tensor]]


def read_ahead(
    recordings: Mapping[str, Path | Tensor], plan: Plan, threads: int | None = None
) -> Iterator[Stretch]:
    """The stretches of recordings, in their order; of one that cannot be planned, a failed one.

    FLAC is decoded outside the interpreter's lock, so that threads read while others compute.

    Args:
        recordings: files or waveforms, by id.
        plan: which stretches, and how they are read.
        threads: that read; None: as many as there are cores, 8 at most.
    """
    threads = threads or min(_THREADS_AT_MOST, usable_cores())
    waiting: deque[Stretch] = deque()
    with ThreadPoolExecutor(threads, "read") as pool:
        try:
            for name, recording in recordings.items():
                for part in _parts(recording, plan, pool):
                    waiting.append(Stretch(name, part))
                    if len(waiting) > _AHEAD * threads:
                        yield waiting.popleft()
            while waiting:
                yield waiting.popleft()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _parts(
    recording: Path | Tensor, plan: Plan, pool: ThreadPoolExecutor
) -> Iterator[Future[tuple[Block, Tensor]]]:
    try:
        found = plan.blocks(recording)
    except AudioError as error:
        failed: Future[tuple[Block, Tensor]] = Future()
        failed.set_exception(error)
        yield failed
        return
    for block in found:
        yield pool.submit(_read, recording, plan, block)


def _read(recording: Path | Tensor, plan: Plan, block: Block) -> tuple[Block, Tensor]:
    return block, plan.read(recording, block)
