"""Pseudo-labels in rounds, and a run that learns from them."""

from __future__ import annotations

import logging

import pandas as pd

from rfcx_audio.config import DictConfig
from rfcx_audio.experiment import relabel
from rfcx_audio.screen import print_line, print_table

_log = logging.getLogger(__name__)


def run(config: DictConfig) -> None:
    """Runs all rounds and the final training, and prints `rounds.csv`."""
    folder = relabel(config)
    table = pd.read_csv(folder / "rounds.csv").astype(object)
    title = "pseudo-labels by round; truth_… is measured with the true calls"
    print_table(table, title)
    _log.info("the rounds are in %s", folder)
    best = folder / f"final_{config.rounds}" / "checkpoints" / "best.ckpt"
    print_line(f"next: rfcx-audio predict checkpoint={best} recordings=…")
