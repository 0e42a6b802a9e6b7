"""Trains a network, and tests it where the truth is complete."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import NamedTuple, cast

import pandas as pd
from pytorch_lightning.callbacks import ModelCheckpoint

from rfcx_audio.commands.calls import call_config
from rfcx_audio.config import DictConfig
from rfcx_audio.experiment import train_run
from rfcx_audio.screen import print_line, print_table


class Run(NamedTuple):
    """What a training run has left.

    Attributes:
        folder: of its checkpoints, tables, pictures and logs.
        checkpoint: of its best epoch, for `rfcx_audio.load`.
        metrics: `val/…` of the last epoch; `test/…` of the best one, where the truth is complete.
    """

    folder: Path
    checkpoint: Path
    metrics: dict[str, float]


def train(*overrides: str, out: str | Path | None = None) -> Run:
    """Trains a network, as `rfcx-audio train` does.

    >>> run = rfcx_audio.train(
    ...     "data=rfcx", "data.root=rfcx", "scale=laptop", "trainer.max_epochs=1",
    ...     "data.crops.crops_per_epoch=16", "callbacks.progress.refresh_rate=0", out="runs/first",
    ... )
    >>> run.checkpoint.name
    'best.ckpt'
    >>> 0 <= run.metrics["val/auc_unlabelled"] <= 1
    True

    Args:
        overrides: of `conf/train.yaml`, as on the command line.
        out: folder of the run; None: one with the time as its name, in `runs/train/`.

    Raises:
        ConfigError: an override is none, or names what does not exist.
        ValueError: the parts do not fit together, or the data cannot be used.
    """
    config = call_config("train", overrides, out)
    kept = cast(ModelCheckpoint, train_run(config).checkpoint_callback)
    folder = Path(config.paths.output_dir)
    metrics = json.loads((folder / "metrics.json").read_text())
    return Run(folder, Path(kept.best_model_path), metrics)


def run(config: DictConfig) -> float | None:
    """The command; returns the best value of what the first checkpoint monitors, for sweepers."""
    trainer = train_run(config)
    kept = trainer.checkpoint_callback
    if not isinstance(kept, ModelCheckpoint):
        return None
    if trainer.is_global_zero:
        print_results(Path(config.paths.output_dir), kept)
    return None if kept.best_model_score is None else kept.best_model_score.item()


def print_results(folder: Path, kept: ModelCheckpoint) -> None:
    """Prints what the validation measured, which epoch is kept, and the next command.

    Args:
        folder: of the run.
        kept: the callback that kept the best epoch.
    """
    metrics = json.loads((folder / "metrics.json").read_text())
    values = {name: value for name, value in metrics.items() if name.startswith("val/")}
    if values:
        shown = ["undefined" if math.isnan(one) else f"{one:.4f}" for one in values.values()]
        table = pd.DataFrame({"measure": list(values), "value": shown})
        print_table(table, "validation of the last epoch, on partial labels")
    if kept.best_model_score is not None:
        print_line(f"best epoch: {kept.monitor} {kept.best_model_score.item():.4f}")
    print_line(f"next: rfcx-audio predict checkpoint={kept.best_model_path} recordings=…")
