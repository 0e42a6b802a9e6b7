"""Blocks of several recordings in one batch, for a device that wants more than one of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Condition
from typing import NamedTuple

import torch
from torch import Tensor

from rfcx_audio.hardware import autocast
from rfcx_audio.scoring.blocks import Block, WindowModel

_BATCHES_AHEAD = 2  # read and waiting, so that the device does not wait; each costs memory
_POLL_S = 0.002


class _Stretch(NamedTuple):
    """A block that is read: (samples,), and the (windows, species) that it will have."""

    block: Block
    waveform: Tensor
    scores: Future[Tensor]


class _Batch(NamedTuple):
    """Stretches that the device works on, and the scores of all, which are there after `event`."""

    stretches: Sequence[_Stretch]
    scores: Tensor
    event: torch.cuda.Event | None

    def done(self) -> bool:
        return self.event is None or self.event.query()

    def hand_out(self) -> None:
        if self.event is not None:
            self.event.synchronize()
        parts = self.scores.split([len(stretch.block.starts) for stretch in self.stretches])
        for stretch, scores in zip(self.stretches, parts, strict=True):
            if stretch.scores.set_running_or_notify_cancel():
                stretch.scores.set_result(scores)


class Batcher:
    """Reads blocks in threads, and scores those that are read together, whatever file they are of.

    A batch holds as many windows as `WindowModel.at_once` allows, or a single block. While the
    device works on one batch, the next is read, uploaded from pinned memory and launched; results
    come back once a batch. An idle device takes what there is, so which blocks meet in a batch is
    left to chance: in float32 (without TF32) their scores differ by 1e-5 at most from those of
    the blocks one by one, in bf16 by what that type rounds.

    Args:
        model: on its device.
        precision: that the network computes in, see `autocast`.
        threads: that read. FLAC is decoded outside the interpreter's lock: processes that read
            were no faster, and slower once they sent the samples back.
    """

    def __init__(self, model: WindowModel, precision: str, threads: int) -> None:
        self.model = model
        self.precision = precision
        self.device = model.device
        self.at_once = model.at_once
        self._copies = torch.cuda.Stream(self.device) if self.device.type == "cuda" else None
        self._readers = ThreadPoolExecutor(threads, "read")
        self._computer = ThreadPoolExecutor(1, "compute", torch.set_num_threads, (1,))
        self._changed = Condition()  # guards the rest
        self._waiting: deque[_Stretch] = deque()
        self._in_work: list[_Stretch] = []
        self._running: _Batch | None = None
        self._stopped = False

    def scores(self, path: Path, found: Sequence[Block]) -> Iterator[Tensor]:
        """The scores of a file's blocks, in their order: (windows, species) each, on the CPU.

        Raises:
            AudioError: a block cannot be read.
            RuntimeError: the device has not enough memory for a batch.
            CancelledError: `stop` was called meanwhile.
        """
        reads = [self._readers.submit(self._read, path, block) for block in found]
        try:
            for read in reads:
                yield read.result().result()
        finally:
            for read in reads:  # of a file that failed
                if not read.cancel() and read.done() and read.exception() is None:
                    read.result().cancel()

    def stop(self) -> None:
        """Ends all that is being scored."""
        left = self._ended()
        self._readers.shutdown(wait=False, cancel_futures=True)
        self._computer.shutdown(wait=False, cancel_futures=True)
        for stretch in left:
            stretch.scores.cancel()

    def _read(self, path: Path, block: Block) -> Future[Tensor]:
        waveform = self.model.read(path, block)
        if self._copies is not None:
            waveform = waveform.pin_memory()
        stretch = _Stretch(block, waveform, Future())
        with self._changed:
            enough = _BATCHES_AHEAD * self.at_once
            self._changed.wait_for(lambda: self._stopped or self._num_waiting() < enough)
            if self._stopped:
                stretch.scores.cancel()
            else:
                self._waiting.append(stretch)
                self._changed.notify_all()
                self._go_on()
        return stretch.scores

    def _go_on(self) -> None:
        self._computer.submit(self._step).add_done_callback(self._pass_on)

    def _step(self) -> None:
        """Launches the next batch, if there is any, and hands out the one before it."""
        stretches = self._next()
        launched = self._launched(stretches) if stretches else None
        before, self._running = self._running, launched
        if launched is not None:
            with self._changed:
                if not self._stopped:
                    self._go_on()  # or the last batch would never be handed out
        if before is not None:
            before.hand_out()
            with self._changed:
                del self._in_work[: len(before.stretches)]

    def _next(self) -> list[_Stretch]:
        """A full batch; or what there is, as soon as the device is idle."""
        chosen: list[_Stretch] = []
        with self._changed:
            while (
                self._running is not None
                and not self._running.done()
                and not self._stopped
                and self._num_waiting() < self.at_once
            ):
                self._changed.wait(_POLL_S)
            room = self.at_once
            while self._waiting and (not chosen or len(self._waiting[0].block.starts) <= room):
                chosen.append(self._waiting.popleft())
                room -= len(chosen[-1].block.starts)
            self._in_work += chosen
            self._changed.notify_all()
        return chosen

    @torch.inference_mode()
    def _launched(self, stretches: Sequence[_Stretch]) -> _Batch:
        """A batch that the device has begun with."""
        found = [stretch.block for stretch in stretches]
        try:
            waveforms = self._uploaded([stretch.waveform for stretch in stretches])
            with autocast(self.device, self.precision):
                scores = self.model.rows(found, waveforms)
        except torch.OutOfMemoryError as error:
            raise RuntimeError(
                f"{self.device} has not enough memory for a batch of "
                f"{sum(len(block.starts) for block in found)} windows; {self.model.fewer_at_once}. "
                f"What is done is kept ({error})"
            ) from error
        if self._copies is None:
            return _Batch(stretches, scores, None)
        here = torch.empty(scores.shape, dtype=scores.dtype, pin_memory=True)
        here.copy_(scores, non_blocking=True)
        event = torch.cuda.Event()
        event.record(torch.cuda.current_stream(self.device))
        return _Batch(stretches, here, event)

    def _uploaded(self, waveforms: list[Tensor]) -> list[Tensor]:
        """Waveforms on the device; a GPU copies them while it computes the batch before."""
        if self._copies is None:
            return waveforms
        with torch.cuda.stream(self._copies):
            there = [waveform.to(self.device, non_blocking=True) for waveform in waveforms]
        computing = torch.cuda.current_stream(self.device)
        computing.wait_stream(self._copies)
        for waveform in there:
            waveform.record_stream(computing)  # its memory must not be reused before
        return there

    def _num_waiting(self) -> int:
        return sum(len(stretch.block.starts) for stretch in self._waiting)

    def _pass_on(self, step: Future[None]) -> None:
        """What ended a step ends everybody who waits for its scores, and for later ones."""
        error = None if step.cancelled() else step.exception()
        if error is None:
            return
        for stretch in self._ended():
            if stretch.scores.set_running_or_notify_cancel():
                stretch.scores.set_exception(error)

    def _ended(self) -> list[_Stretch]:
        """From now on nothing is begun; returns what will never have scores."""
        with self._changed:
            self._stopped = True
            left = [*self._waiting, *self._in_work]
            self._waiting.clear()
            self._in_work.clear()
            self._running = None
            self._changed.notify_all()
        return left
