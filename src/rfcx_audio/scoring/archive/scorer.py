"""One model that works on files, several blocks at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from rfcx_audio.data import AudioError
from rfcx_audio.hardware import autocast
from rfcx_audio.scoring.archive.batcher import Batcher
from rfcx_audio.scoring.blocks import Block, WindowModel


class FileScores(NamedTuple):
    """The scores of one recording's windows, or their features.

    Attributes:
        starts_s: (windows,) float64, s.
        scores: (windows, species) float32 in [0, 1]; or (windows, features) float32.
    """

    starts_s: np.ndarray
    scores: np.ndarray


Outcome = FileScores | str
"""What became of a recording: its rows, or the reason why it has none."""


class BlockScorer(Protocol):
    """Whoever scores the blocks of files, of several at once."""

    def scores(self, path: Path, found: Sequence[Block]) -> Iterable[Tensor]:
        """The scores of a file's blocks, in their order: (windows, species) each."""
        ...

    def stop(self) -> None:
        """Ends what is being scored."""
        ...


class FileScorer:
    """A model on its device, ready for several files at once.

    On a CPU, each block of a file is computed by one thread with one core: how sums are rounded
    must not depend on how many there are. A GPU computes blocks of several files together, see
    `Batcher`.

    Args:
        load: makes the model.
        precision: `bf16-mixed` or `32-true`.
        device: as torch calls it.
        threads: blocks to compute at once, of one file or of several; on a GPU, to read at once.
    """

    def __init__(
        self, load: Callable[[], WindowModel], precision: str, device: str, threads: int = 1
    ) -> None:
        self.model: WindowModel = load().to(device)
        kind = Threads if torch.device(device).type == "cpu" else Batcher
        self.blocks: BlockScorer = kind(self.model, precision, threads)

    def __call__(self, path: Path) -> Outcome:
        """What becomes of a file.

        Raises:
            CancelledError: `stop` was called meanwhile.
        """
        try:
            found = self.model.blocks(path)
            parts = list(self.blocks.scores(path, found))
        except AudioError as error:
            return str(error)
        rows = self.model.finished(torch.cat(parts))
        return FileScores(self.model.starts_s(found).numpy(), rows.numpy())

    def stop(self) -> None:
        """Ends what is being scored, after the blocks that are in work."""
        self.blocks.stop()


class Threads:
    """Scores each block by itself, in one of several threads.

    Args:
        model: on the CPU.
        precision: that the network computes in, see `autocast`.
        threads: blocks to compute at once, each with one core.
    """

    def __init__(self, model: WindowModel, precision: str, threads: int) -> None:
        self.model = model
        self.precision = precision
        self._pool = ThreadPoolExecutor(threads, "block", torch.set_num_threads, (1,))

    def scores(self, path: Path, found: Sequence[Block]) -> Iterator[Tensor]:
        """The scores of a file's blocks, in their order: (windows, species) each.

        Raises:
            AudioError: a block cannot be read.
            CancelledError: `stop` was called meanwhile.
        """
        return self._pool.map(partial(self._score, path), found)

    def stop(self) -> None:
        """Ends what is being scored, after the blocks that are in work."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _score(self, path: Path, block: Block) -> Tensor:
        waveform = self.model.read(path, block)
        with autocast(self.model.device, self.precision):
            return self.model.rows([block], [waveform])
