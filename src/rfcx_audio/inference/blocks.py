"""Recordings of any length in bounded memory: read, cut and scored block by block."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from rfcx_audio.data import AudioReader, probe
from rfcx_audio.frontend import LogMel
from rfcx_audio.inference.recogniser import Recogniser
from rfcx_audio.inference.tta import amplified, seen
from rfcx_audio.inference.windows import SlidingWindows, cut_at

_BLOCK_S = 64.0  # a minute's recording with its usual padding is one block
_WINDOWS_AT_ONCE = 32
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


def blocks(windows: SlidingWindows, frontend: LogMel, num_samples: int) -> Iterator[Block]:
    """The windows of a recording, in blocks of a minute at most (or of one window, if longer).

    They are the windows of `SlidingWindows.cut`. A block's stretch reaches so far beyond its
    windows that neither the frames at their edges nor their slopes know where it ends.

    Args:
        windows: how long, and how far apart.
        frontend: of the recording's sample rate.
        num_samples: of the recording, at that rate.
    """
    num_samples = max(num_samples, round(windows.duration_s * frontend.sample_rate))
    frames, starts = windows.num_frames(frontend), windows.starts(frontend, num_samples)
    hop = windows.hop(frontend)
    room = int((_BLOCK_S / frontend.hop_s - frames) / hop)
    at_once = min(max(room + 1, 1), _WINDOWS_AT_ONCE)
    margin = math.ceil(frontend.n_fft / 2 / frontend.hop_length) + _DELTA_FRAMES
    for index in range(0, len(starts), at_once):
        chosen = tuple(starts[index : index + at_once])
        skipped = max(0, chosen[0] - margin)
        behind = chosen[-1] + frames + margin
        first = skipped * frontend.hop_length
        stop = min(num_samples, behind * frontend.hop_length + frontend.n_fft)
        yield Block(first, stop - first, chosen, frames, skipped)


def cut_blocks(found: Sequence[Block], frontend: LogMel, waveforms: Sequence[Tensor]) -> Tensor:
    """The windows of blocks, one block after the other.

    Neighbours that are cut alike go through the front end together.

    Args:
        found: of `blocks`, of one file or of several.
        frontend: the same.
        waveforms: (samples,) of the stretch of each block.

    Returns:
        (windows, channels, mels, frames)
    """
    parts = []
    pairs = zip(found, waveforms, strict=True)
    for (_, starts, frames), alike in groupby(pairs, lambda pair: _way(pair[0])):
        same = [waveform[None] for _, waveform in alike]
        spectrogram = frontend(torch.cat(same) if len(same) > 1 else same[0])
        parts.append(cut_at(spectrogram, starts, frames).flatten(0, 1))
    return torch.cat(parts) if len(parts) > 1 else parts[0]


def read_block(reader: AudioReader, path: Path, block: Block) -> Tensor:
    """The stretch of a file that a block is cut from: (samples,).

    Raises:
        AudioError: it cannot be read.
    """
    rate = reader.sample_rate
    return torch.from_numpy(reader.read(path, block.first / rate, block.samples / rate))


@torch.inference_mode()
def score_blocks(
    recogniser: Recogniser, found: Sequence[Block], waveforms: Sequence[Tensor]
) -> Tensor:
    """The scores of the windows of blocks, not smoothed.

    Args:
        recogniser: on any device.
        found: of `blocks`, of one file or of several.
        waveforms: (samples,) of the stretch of each block, on that device.

    Returns:
        (windows, species) in [0, 1], one block after the other.
    """
    scores = []
    for view in recogniser.seen_as:
        louder = [amplified(waveform, view) for waveform in waveforms]
        windows = seen(cut_blocks(found, recogniser.frontend, louder), view)
        scores.append(recogniser.windows.probabilities(recogniser.detector, windows))
    return torch.stack(scores).mean(0)


def score_block(recogniser: Recogniser, path: Path, block: Block) -> Tensor:
    """The probabilities of a block's windows, see `Recogniser.finished` for what is left to do.

    Args:
        recogniser: on any device.
        path: of the file that the block is of.
        block: of `blocks`.

    Returns:
        (windows, species) in [0, 1].

    Raises:
        AudioError: that stretch of the file cannot be read.
    """
    waveform = read_block(recogniser.reader, path, block)
    return score_blocks(recogniser, [block], [waveform.to(next(recogniser.parameters()).device)])


@torch.inference_mode()
def score_file(
    recogniser: Recogniser,
    path: Path,
    score: Callable[[Path, Sequence[Block]], Iterable[Tensor]] | None = None,
) -> tuple[Tensor, Tensor]:
    """What `recogniser` says of a file, without ever holding more of it than some blocks.

    The blocks of a file are always the same, and so are its scores on a CPU, to the last bit. They
    are those of the whole waveform up to rounding (1e-5); where the file is resampled,
    up to what soxr's filter leaves at the ends of a block (1e-3).

    Args:
        recogniser: on any device.
        path: of an audio file.
        score: the scores of a file's blocks, in their order; None: `score_block`, one after the
            other.

    Returns:
        (windows, species) in [0, 1], and (windows,) starts in s.

    Raises:
        AudioError: the file cannot be read.
    """
    frontend, rate = recogniser.frontend, recogniser.reader.sample_rate
    info = probe(path)
    num_samples = math.ceil(info.num_samples * rate / info.sample_rate)
    found = list(blocks(recogniser.windows, frontend, num_samples))
    if score is None:
        scores = torch.cat([score_block(recogniser, path, block) for block in found])
    else:
        scores = torch.cat(list(score(path, found)))
    starts = [start for block in found for start in block.starts]
    starts_s = torch.tensor(starts, dtype=torch.float64) * frontend.hop_length / rate
    return recogniser.finished(scores), starts_s


def _way(block: Block) -> tuple[int, tuple[int, ...], int]:
    """How a block's stretch is cut: its samples, the windows' first frames in it, their length."""
    return block.samples, tuple(start - block.skipped for start in block.starts), block.frames
