"""How batches are read: their size, the processes that read ahead, and the seed of the draws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch

from rfcx_audio.hardware import best_device, num_workers

_AHEAD = 4  # batches that the workers together read ahead, at least


@dataclass(frozen=True)
class Loader:
    """How batches are read, for each training process.

    Attributes:
        batch_size: crops in a training batch.
        num_workers: processes that read audio, see `rfcx_audio.hardware.num_workers`.
        seed: of all random draws.
    """

    batch_size: int = 32
    num_workers: int | Literal["auto"] = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        """Raises ValueError where the batch size or the number of workers is out of range."""
        num_workers(self.num_workers)
        if self.batch_size < 1:
            raise ValueError(f"batch_size = {self.batch_size}; expected at least 1")

    def workers(self, processes: int = 1) -> int:
        """Processes that read audio for one training process.

        Args:
            processes: that train on this machine and share its cores.
        """
        return num_workers(self.num_workers, processes)

    def options(self, processes: int = 1) -> dict[str, Any]:
        """Keyword arguments of every `DataLoader`.

        Args:
            processes: that train on this machine and share its cores.
        """
        workers = self.workers(processes)
        return {
            "num_workers": workers,
            # A single worker reads further ahead, so that one slow crop does not stall training.
            "prefetch_factor": max(2, -(-_AHEAD // workers)) if workers else None,
            "persistent_workers": workers > 0,
            "pin_memory": best_device().type == "cuda",
            "worker_init_fn": _one_thread,
        }


def _one_thread(worker: int) -> None:  # noqa: ARG001 (DataLoader's signature)
    torch.set_num_threads(1)
