"""Features of the recordings of a run, made where there is no store of them."""

from __future__ import annotations

import logging
from pathlib import Path

from rfcx_audio.config import DictConfig, variant
from rfcx_audio.experiment.encoders import has_encoder

_log = logging.getLogger(__name__)
EMBEDDINGS = "embeddings"


def with_store(config: DictConfig, folder: Path) -> DictConfig:
    """A configuration with a store of features: the given one, else one that is made now."""
    if not has_encoder(config) or config.data.store is not None:
        return config
    raise ValueError("not yet")
