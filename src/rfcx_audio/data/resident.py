"""Training audio that stays in memory: a batch of crops is one indexed gather on the device."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from rfcx_audio.batch import PlacedBatch, WaveformBatch
from rfcx_audio.data.audio import AudioError, AudioReader
from rfcx_audio.data.cache import FULL_SCALE, in_16_bits
from rfcx_audio.data.stretches import Stretch, laid_out
from rfcx_audio.hardware import free_memory, usable_cores

_log = logging.getLogger(__name__)
_BYTES = 2  # of a sample
_PINNED_BLOCK = 2**29
"""Samples: torch rounds pinned memory up to powers of two, and no reader decodes more at once."""


class ResidentReader(AudioReader):
    """An `AudioReader` whose training crops come from memory, see `ResidentAudio`.

    What is read whole (validation, test, pictures) is decoded from its file each time. Each of
    several processes keeps the audio for itself.

    Args:
        sample_rate: of what is returned, Hz.
        max_share: in ]0, 1], of the free memory that the samples may take: of the GPU, or where
            that is too little, or without one, of the host.
        channel: see `AudioReader`.

    Raises:
        ValueError: a setting is out of its range.
    """

    def __init__(
        self,
        sample_rate: int,
        max_share: float = 0.5,
        channel: Literal["mean"] | int = "mean",
    ) -> None:
        super().__init__(sample_rate, channel)
        if not 0 < max_share <= 1:
            raise ValueError(f"data.reader.max_share = {max_share} lies outside ]0, 1]")
        self.max_share = max_share

    def __str__(self) -> str:
        """How recordings are read, for a log."""
        return f"{super().__str__()}, training crops from memory"

    def memory_for(self, size: int, device: torch.device, processes: int = 1) -> torch.device:
        """The device whose memory takes the samples, see `max_share`.

        Args:
            size: of all samples, bytes.
            device: that trains.
            processes: that share the memory of the host.

        Raises:
            ValueError: neither the device nor the host has room for them.
        """
        host = torch.device("cpu")
        if device.type == "cuda":
            free = free_memory(device)
            if size <= self.max_share * free:
                return device
            _log.warning(
                "the training crops need %.2f GB, more than data.reader.max_share = %g of the "
                "%.2f GB that are free on %s: they stay in the memory of the host",
                *(size / 1e9, self.max_share, free / 1e9, device),
            )
        free = free_memory(host) // processes
        if size > self.max_share * free:
            raise ValueError(
                f"the training crops need {size / 1e9:.2f} GB of memory, more than "
                f"data.reader.max_share = {self.max_share:g} of the {free / 1e9:.2f} GB that are "
                "free for each process; choose data/reader=cached, or raise data.reader.max_share"
            )
        return host


class ResidentAudio:
    """Stretches of recordings as 16-bit samples, in the memory of a device or of the host.

    Samples of 16 bits at the sample rate are kept exactly; others are rounded to 16 bits. Stretches
    that cannot be kept (unreadable, or with samples beyond full scale) are missing from `places`;
    their crops are decoded one by one, so that nothing is lost and failures are named as ever.

    Args:
        reader: decodes them, in as many threads as there are cores for each process.
        paths: of the recordings by name.
        stretches: what to keep, see `reachable`.
        device: that trains.
        processes: that do the same on this machine.
        block: samples of a piece of pinned memory at most.

    Raises:
        ValueError: there is no room for them.
    """

    def __init__(
        self,
        reader: ResidentReader,
        paths: Mapping[str, Path],
        stretches: Sequence[Stretch],
        device: torch.device,
        processes: int = 1,
        block: int = _PINNED_BLOCK,
    ) -> None:
        begun = perf_counter()
        size = _BYTES * sum(one.stop - one.first for one in stretches)
        self.memory = reader.memory_for(size, device, processes)
        pinned = self.memory.type == "cpu" and device.type == "cuda"
        placed, lengths = laid_out(stretches, block if pinned else None)
        self.blocks = [
            torch.zeros(length, dtype=torch.int16, device=self.memory, pin_memory=pinned)
            for length in lengths
        ]
        self.places: dict[str, list[Stretch]] = {}
        with ThreadPoolExecutor(max(1, usable_cores() // processes)) as pool:
            kept = list(pool.map(lambda one: self._fill(reader, paths[one.name], one), placed))
        for one, is_kept in zip(placed, kept, strict=True):
            if is_kept:
                self.places.setdefault(one.name, []).append(one)
        where = f"pinned memory of the host, for {device}" if pinned else f"memory of {self.memory}"
        _log.info(
            "%.2f GB of 16-bit samples (%d stretches of %d recordings) are in the %s after %.0f s; "
            "%d more stretches are decoded for each crop",
            *(size / 1e9, sum(kept), len(self.places), where, perf_counter() - begun),
            len(kept) - sum(kept),
        )

    def _fill(self, reader: ResidentReader, path: Path, stretch: Stretch) -> bool:
        """Decodes a stretch to its place; whether it can be kept."""
        rate, length = reader.sample_rate, stretch.stop - stretch.first
        try:
            samples = in_16_bits(reader.read(path, stretch.first / rate, length / rate))
        except AudioError:
            return False
        if samples is None:
            return False
        block = self.blocks[stretch.block]
        block[stretch.offset : stretch.offset + length].copy_(torch.from_numpy(samples))
        return True

    def crops(self, batch: PlacedBatch, length: int) -> WaveformBatch:
        """The batch with its samples, on the device of the batch; the host does not wait for it.

        Args:
            batch: of which some crops lie here and the others have been read.
            length: of a crop, samples.
        """
        resident = batch.places[:, 0] >= 0
        if resident.any():
            waveform = self._gathered(batch.places, length, batch.waveform.device)
            for number, row in enumerate(np.flatnonzero(~resident)):
                waveform[int(row)] = batch.waveform[number]
        else:
            waveform = batch.waveform
        return WaveformBatch(waveform, batch.labels, batch.seed, batch.failures)

    def _gathered(self, places: np.ndarray, length: int, device: torch.device) -> Tensor:
        """(batch, samples) float32; anything where a crop has no place."""
        if self.memory.type == device.type:
            starts = torch.from_numpy(places[:, 1])
            if device.type == "cuda":
                starts = starts.pin_memory().to(device, non_blocking=True)
            samples = self.blocks[0].unfold(0, length, 1)[starts]  # a view of all crops there are
        else:
            samples = torch.empty(len(places), length, dtype=torch.int16, device=device)
            for row, (block, offset) in zip(samples, places.tolist(), strict=True):
                if block >= 0:
                    row.copy_(self.blocks[block][offset : offset + length], non_blocking=True)
        return samples.float().mul_(1 / FULL_SCALE)
