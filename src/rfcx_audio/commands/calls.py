"""The configuration of a verb that is called from Python."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from rfcx_audio.config import DictConfig, load_config, variant


def call_config(
    verb: str, overrides: Sequence[str], out: str | Path | None, **places: str | Path
) -> DictConfig:
    """The configuration that the command would compose.

    Args:
        verb: of the command.
        overrides: as on the command line.
        out: the folder to write to; None: `out=…` of the overrides, else one with the time as its
            name beside those of the command.
        places: values of keys that are paths, which need no quotes here.

    Raises:
        ConfigError: see `load_config`.
    """
    config = load_config(verb, overrides)
    if out is None and config.out is None:
        out = Path(config.paths.runs_dir) / verb / f"{datetime.now():%Y-%m-%d_%H-%M-%S}"
    changes = {**places, **({} if out is None else {"out": out})}
    return variant(config, {key: str(place) for key, place in changes.items()})
