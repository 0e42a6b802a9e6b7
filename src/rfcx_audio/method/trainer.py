"""The Lightning trainer of this library."""

from __future__ import annotations

import logging
import warnings
from typing import Any

import pytorch_lightning as pl

from rfcx_audio.hardware import best_precision
from rfcx_audio.method.checkpoint_io import WholeCheckpoints


def build_trainer(precision: str = "auto", accelerator: str = "auto", **options: Any) -> pl.Trainer:  # noqa: ANN401
    """A Lightning trainer.

    Args:
        precision: as Lightning takes it, or `auto`, see `best_precision`.
        accelerator: as Lightning takes it.
        options: further arguments of `pl.Trainer`.
    """
    # Lightning 2.6 calls what torch 2.11 deprecates, once a batch of every run.
    warnings.filterwarnings("ignore", message=".*LeafSpec.*", module="pytorch_lightning")
    # How many workers read is decided from the cores, or by the user (data.num_workers).
    warnings.filterwarnings("ignore", message=".*does not have many workers")
    # A batch of which no crop could be read is no step; the recordings are named.
    warnings.filterwarnings("ignore", message=".*training_step. returned .None.")
    # One recording alone is not validated; the summary of the data has it.
    warnings.filterwarnings("ignore", message="Total length of `list` across ranks is zero")
    logging.getLogger("pytorch_lightning.utilities.rank_zero").addFilter(_is_no_advertisement)
    if precision == "auto":
        precision = best_precision(accelerator)
    return pl.Trainer(
        accelerator=accelerator,
        precision=precision,  # pyright: ignore[reportArgumentType]
        plugins=[WholeCheckpoints()],
        use_distributed_sampler=False,  # the data module shares out crops and recordings itself
        **options,
    )


def _is_no_advertisement(record: logging.LogRecord) -> bool:
    """Whether a message of Lightning is about this run, and not about a product."""
    return not record.getMessage().startswith("💡 Tip")
