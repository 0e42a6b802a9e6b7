"""Writes a synthetic rainforest in the RFCX layout."""

from __future__ import annotations

import logging

from rfcx_audio.config import DictConfig, build
from rfcx_audio.data import SyntheticFolder

_log = logging.getLogger(__name__)


def run(config: DictConfig) -> None:
    """Generates the data set in `data.root` unless it exists."""
    source: SyntheticFolder = build(config.data.source)
    source.prepare()
    _log.info("the data set is in %s", source.root)
