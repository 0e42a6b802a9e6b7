"""Recordings of any length in bounded memory: read, cut and scored block by block."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from rfcx_audio.data import probe, window_starts
from rfcx_audio.frontend import LogMel
from rfcx_audio.inference.recogniser import Recogniser
from rfcx_audio.inference.tta import amplified, seen
from rfcx_audio.inference.windows import SlidingWindows

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
    window = round(windows.duration_s * frontend.sample_rate)
    num_samples = max(num_samples, window)
    total, frames = frontend.num_frames(num_samples), frontend.num_frames(window)
    hop = max(1, round(frames * (1 - windows.overlap)))
    starts = window_starts(total, frames, hop)
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


def cut_block(block: Block, frontend: LogMel, waveform: Tensor) -> Tensor:
    """The windows of a block.

    Args:
        block: of `blocks`.
        frontend: the same.
        waveform: (samples,) of the block's stretch.

    Returns:
        (windows, channels, mels, frames)
    """
    spectrogram = frontend(waveform[None])[0]  # (channels, mels, frames)
    starts = [start - block.skipped for start in block.starts]
    return torch.stack([spectrogram[..., start : start + block.frames] for start in starts])


@torch.inference_mode()
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
    reader, frontend, windows = recogniser.reader, recogniser.frontend, recogniser.windows
    rate = reader.sample_rate
    stretch = reader.read(path, block.first / rate, block.samples / rate)
    waveform = torch.from_numpy(stretch).to(next(recogniser.parameters()).device)
    heard = [
        windows.probabilities(
            recogniser.detector,
            seen(cut_block(block, frontend, amplified(waveform, view)), view),
        )
        for view in recogniser.seen_as
    ]
    return torch.stack(heard).mean(0)


@torch.inference_mode()
def score_file(
    recogniser: Recogniser,
    path: Path,
    each: Callable[[Callable[[Block], Tensor], Iterable[Block]], Iterable[Tensor]] = map,
) -> tuple[Tensor, Tensor]:
    """What `recogniser` says of a file, without ever holding more of it than some blocks.

    The blocks of a file are always the same, and so are its scores, to the last bit on the same
    device. They are those of the whole waveform up to rounding (1e-5); where the file is resampled,
    up to what soxr's filter leaves at the ends of a block (1e-3).

    Args:
        recogniser: on any device.
        path: of an audio file.
        each: applies a function to the blocks, as `map` does one after the other.

    Returns:
        (windows, species) in [0, 1], and (windows,) starts in s.

    Raises:
        AudioError: the file cannot be read.
    """
    frontend, rate = recogniser.frontend, recogniser.reader.sample_rate
    info = probe(path)
    num_samples = math.ceil(info.num_samples * rate / info.sample_rate)
    found = list(blocks(recogniser.windows, frontend, num_samples))
    scores = torch.cat(list(each(partial(score_block, recogniser, path), found)))
    starts = [start for block in found for start in block.starts]
    starts_s = torch.tensor(starts, dtype=torch.float64) * frontend.hop_length / rate
    return recogniser.finished(scores), starts_s
