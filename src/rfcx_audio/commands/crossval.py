"""One run for each fold, and scores of every recording."""

from __future__ import annotations

import logging

import pandas as pd

from rfcx_audio.config import DictConfig
from rfcx_audio.experiment import OUT_OF_FOLD, crossval, with_spread
from rfcx_audio.screen import print_line, print_table

_log = logging.getLogger(__name__)


def run(config: DictConfig) -> None:
    """The command."""
    folder = crossval(config)
    table = with_spread(pd.read_csv(folder / "folds.csv")).set_index("fold").T
    print_table(table.reset_index(names="fold"), "folds")
    _log.info("the folds are in %s", folder)
    command = f"rfcx-audio calibrate oof={folder / OUT_OF_FOLD} labels={config.data.root}"
    complete = config.data.source.get("complete")
    command += "" if complete is None else f" complete={complete}"
    print_line(f"next: {command}")
