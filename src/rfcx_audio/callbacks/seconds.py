"""How long a run took."""

from __future__ import annotations

import json
from pathlib import Path
from time import perf_counter, process_time

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.utilities import rank_zero_only

from rfcx_audio.whole_files import write_atomically


class Seconds(Callback):
    """Writes how long training and testing took, into `seconds.json` of the run's folder.

    `fit_s` and `test_s` are by the clock; `fit_core_s` and `test_core_s` are of the processor, over
    all threads of this process, and do not grow with what else the machine does. Training that was
    resumed counts from there, and reading by worker processes counts by the clock only.

    Args:
        folder: of the run.
    """

    def __init__(self, folder: str) -> None:
        self.file = Path(folder) / "seconds.json"
        self._began = (perf_counter(), process_time())

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        """Begins to count."""
        self._began = (perf_counter(), process_time())

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        """Writes the seconds of training, validation included."""
        self._write("fit")

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        """Begins to count."""
        self._began = (perf_counter(), process_time())

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        """Writes the seconds of testing."""
        self._write("test")

    @rank_zero_only
    def _write(self, stage: str) -> None:
        known = json.loads(self.file.read_text()) if self.file.exists() else {}
        clock, processor = perf_counter() - self._began[0], process_time() - self._began[1]
        found = {f"{stage}_s": round(clock, 2), f"{stage}_core_s": round(processor, 2)}
        text = json.dumps(known | found, indent=2) + "\n"
        write_atomically(self.file, lambda part: part.write_text(text))
