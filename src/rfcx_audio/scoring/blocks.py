"""Recordings of any length in bounded memory: planned, read and cut block by block."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from rfcx_audio.data import AudioReader, probe
from rfcx_audio.encoders import EncoderFrontend
from rfcx_audio.frontend import LogMel
from rfcx_audio.scoring.windows import (
    WINDOWS_AT_ONCE,
    ImageFrontend,
    SlidingWindows,
    cut_at,
    seconds,
)

_BLOCK_S = 64.0  # a minute's recording with its usual padding is one block
_DELTA_FRAMES = 4  # as far as the second differences of `DeltaLogMel` look to either side


class Block(NamedTuple):
    """Some windows of a recording in a row, and the stretch of it that they are cut from.

    Attributes:
        first: sample with which the stretch begins.
        samples: its length; beyond the recording's end are zeros.
        starts: first frame of each window, in the spectrogram of the whole recording.
        frames: length of a window.
        skipped: frames of the whole's spectrogram before the stretch's first.
    """

    first: int
    samples: int
    starts: tuple[int, ...]
    frames: int
    skipped: int


def blocks(windows: SlidingWindows, frontend: ImageFrontend, num_samples: int) -> Iterator[Block]:
    """The windows of a recording, in blocks of a minute at most (or of one window, if longer).

    They are the windows of `SlidingWindows.cut`. A block's stretch reaches so far beyond its
    windows that neither the frames at their edges nor their slopes depend on where it ends; no
    further where each frame is the features of an encoder, which are of their own samples only.

    Args:
        windows: how long, and how far apart.
        frontend: of the recording's sample rate.
        num_samples: of the recording, at that rate.
    """
    num_samples = max(num_samples, round(windows.duration_s * frontend.sample_rate))
    frames, starts = windows.num_frames(frontend), windows.starts(frontend, num_samples)
    hop = windows.hop(frontend)
    room = int((_BLOCK_S / frontend.hop_s - frames) / hop)
    at_once = min(max(room + 1, 1), WINDOWS_AT_ONCE)
    for index in range(0, len(starts), at_once):
        chosen = tuple(starts[index : index + at_once])
        skipped, last = _reach(frontend, chosen[0], chosen[-1] + frames)
        first = skipped * frontend.hop_length
        stop = min(num_samples, last * frontend.hop_length + frontend.n_fft)
        yield Block(first, stop - first, chosen, frames, skipped)


def _reach(frontend: ImageFrontend, first: int, behind: int) -> tuple[int, int]:
    """The frames with which the stretch for frames from `first` to `behind` begins and ends."""
    if isinstance(frontend, EncoderFrontend):
        return first, behind - 1
    margin = math.ceil(frontend.n_fft / 2 / frontend.hop_length) + _DELTA_FRAMES
    return max(0, first - margin), behind + margin


def num_samples(recording: Path | Tensor, sample_rate: int) -> int:
    """The length of a recording at a sample rate.

    Args:
        recording: a file, or a waveform (samples,) at that rate.
        sample_rate: Hz.

    Raises:
        AudioError: the file cannot be read.
    """
    if isinstance(recording, Tensor):
        return len(recording)
    return probe(recording).samples_at(sample_rate)


def read_block(reader: AudioReader, recording: Path | Tensor, block: Block) -> Tensor:
    """The stretch of a recording that a block is cut from: (samples,).

    Args:
        reader: of files.
        recording: a file, or a waveform (samples,) at the reader's sample rate.
        block: of `blocks`.

    Raises:
        AudioError: the file cannot be read.
    """
    if isinstance(recording, Tensor):
        stretch = recording[block.first : block.first + block.samples]
        return functional.pad(stretch, (0, block.samples - len(stretch)))
    rate = reader.sample_rate
    return torch.from_numpy(reader.read(recording, block.first / rate, block.samples / rate))


def cut_blocks(
    found: Sequence[Block], frontend: ImageFrontend, waveforms: Sequence[Tensor]
) -> Tensor:
    """The windows of blocks, one block after the other.

    Neighbours that are cut alike go through the front end together.

    Args:
        found: of `blocks`, of one recording or of several.
        frontend: the same.
        waveforms: (samples,) of the stretch of each block.

    Returns:
        (windows, channels, mels, frames)
    """
    parts = []
    pairs = zip(found, waveforms, strict=True)
    for (_, starts, frames), alike in groupby(pairs, lambda pair: _layout(pair[0])):
        same = [waveform[None] for _, waveform in alike]
        spectrogram = frontend(torch.cat(same) if len(same) > 1 else same[0])
        parts.append(cut_at(spectrogram, starts, frames).flatten(0, 1))
    return torch.cat(parts) if len(parts) > 1 else parts[0]


def _layout(block: Block) -> tuple[int, tuple[int, ...], int]:
    """How a block's stretch is cut: its samples, the windows' first frames in it, their length."""
    return block.samples, tuple(start - block.skipped for start in block.starts), block.frames


class WindowModel(nn.Module, ABC):
    """What gives each window of a recording a row of numbers, block by block.

    A `Recogniser` gives the scores of species, an `Embedder` the features of an encoder.

    Args:
        reader: of the audio that the front end expects.
        frontend: (batch, samples) -> (batch, channels, mels, frames).
        windows: how recordings are cut.
    """

    def __init__(
        self, reader: AudioReader, frontend: LogMel | EncoderFrontend, windows: SlidingWindows
    ) -> None:
        super().__init__()
        self.reader = reader
        self.frontend = frontend
        self.windows = windows

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.frontend.window.device

    @property
    @abstractmethod
    def at_once(self) -> int:
        """How many windows a GPU takes in one batch."""

    @property
    @abstractmethod
    def fewer_at_once(self) -> str:
        """How a user has fewer of them in a batch, for an error."""

    def blocks(self, recording: Path | Tensor) -> list[Block]:
        """The blocks that a file, or a waveform (samples,), is cut into.

        Raises:
            AudioError: the file cannot be read.
        """
        length = num_samples(recording, self.reader.sample_rate)
        return list(blocks(self.windows, self.frontend, length))

    def read(self, recording: Path | Tensor, block: Block) -> Tensor:
        """The stretch of a file, or of a waveform, that a block is cut from, see `read_block`."""
        return read_block(self.reader, recording, block)

    @abstractmethod
    def rows(self, found: Sequence[Block], waveforms: Sequence[Tensor]) -> Tensor:
        """The rows of the windows of blocks, one block after the other: (windows, columns).

        Args:
            found: of `blocks`, of one recording or of several.
            waveforms: (samples,) of the stretch of each block, on this device.
        """

    @abstractmethod
    def finished(self, rows: Tensor, /) -> Tensor:
        """What is left to do with all rows of a recording: (windows, columns), in their order."""

    def starts_s(self, found: Sequence[Block]) -> Tensor:
        """The starts of the windows of blocks in s: (windows,) float64, on the CPU."""
        return seconds([start for block in found for start in block.starts], self.frontend)
