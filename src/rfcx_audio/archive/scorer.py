"""One recogniser that scores files, several blocks at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from rfcx_audio.data import AudioError
from rfcx_audio.inference import Recogniser
from rfcx_audio.inference.blocks import Block, score_file


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
