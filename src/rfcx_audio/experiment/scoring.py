"""Recordings to scores, with one recogniser."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from rich.progress import track
from torch import Tensor
from torch.utils.data import DataLoader

from rfcx_audio.batch import Failure
from rfcx_audio.data import AudioError, FileDataset
from rfcx_audio.inference import Recogniser, score_table
from rfcx_audio.inference.blocks import Block, score_file
from rfcx_audio.labelling import FrameScores
from rfcx_audio.method import best_precision

_log = logging.getLogger(__name__)


class Scored(NamedTuple):
    """The scores of recordings.

    Attributes:
        table: of all windows, as `score_table` makes it.
        failures: recordings that could not be read.
        frames: by recording, of the same windows; empty unless asked for.
    """

    table: pd.DataFrame
    failures: list[Failure]
    frames: dict[str, FrameScores]


def score_recordings(
    recogniser: Recogniser,
    paths: dict[str, Path],
    workers: int = 2,
    with_frames: bool = False,
    on_recording: Callable[[str, np.ndarray, pd.DataFrame], None] | None = None,
) -> Scored:
    """The scores of every window of every recording; one that cannot be read is passed over.

    Args:
        recogniser: as `load_recogniser` returns it, on any device.
        paths: audio files by recording id.
        workers: processes that read audio.
        with_frames: whether to keep the scores of frames too, for which the detector runs twice.
        on_recording: called with the name, the (samples,) and the scores of each recording.
    """
    device = next(recogniser.parameters()).device
    loader = DataLoader(FileDataset(paths, recogniser.reader), batch_size=None, num_workers=workers)
    nothing = score_table("", np.empty(0), 0.0, np.empty((0, recogniser.num_species)))
    tables, failures, frames = [nothing], [], {}
    half = best_precision(device.type) == "bf16-mixed"
    for name, waveform in track(loader, "scoring recordings", total=len(paths)):
        if isinstance(waveform, Failure):
            _log.warning("left out %s: %s", *waveform)
            failures.append(waveform)
            continue
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            scores, starts_s = recogniser(waveform.to(device))
            if with_frames:
                told, frame_starts_s, frame_s = recogniser.frames(waveform.to(device))
                frames[name] = FrameScores(
                    frame_starts_s.cpu().numpy(), frame_s, told.cpu().numpy()
                )
        table = score_table(
            name, starts_s.cpu().numpy(), recogniser.windows.duration_s, scores.cpu().numpy()
        )
        tables.append(table)
        if on_recording is not None:
            on_recording(name, waveform.numpy(), table)
    return Scored(pd.concat(tables[1:] or tables, ignore_index=True), failures, frames)


class FileScores(NamedTuple):
    """The scores of one recording's windows.

    Attributes:
        starts_s: (windows,) float64, s.
        scores: (windows, species) float32 in [0, 1].
    """

    starts_s: np.ndarray
    scores: np.ndarray


Outcome = FileScores | str
"""What became of a recording: its scores, or the reason why it has none."""


class FileScorer:
    """A recogniser on its device, ready for several files at once.

    Each block of a file is computed by one thread with one core: how sums are rounded must not
    depend on how many there are.

    Args:
        load: makes the recogniser.
        precision: `bf16-mixed` or `32-true`.
        device: as torch calls it.
        threads: blocks to compute at once, of one file or of several.
    """

    def __init__(
        self, load: Callable[[], Recogniser], precision: str, device: str, threads: int = 1
    ) -> None:
        self.recogniser = load().to(device)
        self.half = precision == "bf16-mixed"
        self.device_type = torch.device(device).type
        self._pool = ThreadPoolExecutor(threads, "block", torch.set_num_threads, (1,))

    def __call__(self, path: Path) -> Outcome:
        """What becomes of a file.

        Raises:
            CancelledError: `stop` was called meanwhile.
        """
        try:
            scores, starts_s = score_file(self.recogniser, path, self._each)
        except AudioError as error:
            return str(error)
        return FileScores(starts_s.numpy(), scores.cpu().numpy())

    def stop(self) -> None:
        """Ends what is being scored, after the blocks that are in work."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _each(self, score: Callable[[Block], Tensor], found: Iterable[Block]) -> Iterator[Tensor]:
        def scored(block: Block) -> Tensor:
            with torch.autocast(self.device_type, torch.bfloat16, enabled=self.half):
                return score(block)

        return self._pool.map(scored, found)
