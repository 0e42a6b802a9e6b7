"""A callback that kills its process, like a power cut."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytorch_lightning as pl

KILL_AT = "KILL_AT"
"""Environment variable: the number of batches after which the process is killed."""

_batches = 0  # of all runs of this process


class Killed(pl.Callback):
    """Counts batches; sends SIGKILL to the process after batch `KILL_AT`."""

    def on_train_batch_end(self, *_: Any) -> None:
        """Counts a batch."""
        global _batches  # noqa: PLW0603 (a command trains several networks, one after another)
        _batches += 1
        if os.environ.get(KILL_AT) == str(_batches):
            os.kill(os.getpid(), signal.SIGKILL)
