"""A callback that ends its process without notice, as a power cut does."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytorch_lightning as pl

KILL_AT = "KILL_AT"
"""Environment variable: the number of the process's batch after which it ends."""

_batches = 0  # of all runs of this process


class Killed(pl.Callback):
    """Counts batches; ends the process by SIGKILL where `KILL_AT` says."""

    def on_train_batch_end(self, *_: Any) -> None:
        """Counts one."""
        global _batches  # noqa: PLW0603 (a command trains several networks, one after another)
        _batches += 1
        if os.environ.get(KILL_AT) == str(_batches):
            os.kill(os.getpid(), signal.SIGKILL)
