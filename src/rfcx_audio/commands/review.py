"""Clips of a queue, answered by reviewers on a page in the browser."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from rfcx_audio.config import DictConfig
from rfcx_audio.scoring import Recogniser, list_recordings, load_recogniser
from rfcx_audio.screen import print_line
from rfcx_audio.verdicts import VerdictStore

if TYPE_CHECKING:
    from rfcx_audio.page import Review

STORE = "verdicts.sqlite"
"""In the folder of a review."""

_log = logging.getLogger(__name__)
_NEEDED = ("starlette", "uvicorn")
_NAMED = 3  # recordings that are missing


def run(config: DictConfig) -> None:
    """The command."""
    check_installed(_NEEDED)
    from rfcx_audio.page import serve  # noqa: PLC0415 (of an extra)

    place = store_path(config)
    review = prepared(config, place)
    serve(review, place.parent, int(config.port), bool(config.browser), bool(config.share))
    words = f"store={place} recordings={config.recordings}"
    print_line(f"all verdicts are in {place}; to go on: rfcx-audio review {words}")


def check_installed(packages: Iterable[str]) -> None:
    """Refuses to begin without the packages of the extra.

    Raises:
        ValueError: one is missing.
    """
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise ValueError(
            f'the page needs {" and ".join(missing)}: pip install "rfcx-audio[review]"'
        )


def store_path(config: DictConfig) -> Path:
    """Where the verdicts are or will be."""
    return Path(config.store) if config.store else Path(config.paths.output_dir) / STORE


def prepared(config: DictConfig, place: Path) -> Review:
    """The review that the page shows: of the last queue of a store.

    Raises:
        ValueError: the store has no queue, an option is out of its range, or none of the
            recordings of the queue is there.
        VerdictError: there is no store, or it is of another version.
    """
    from rfcx_audio.page import Clips, Review  # noqa: PLC0415 (of an extra)

    if not 0 <= config.context_s <= 30:
        raise ValueError(f"context_s={config.context_s}; expected 0 to 30")
    files = list_recordings(str(config.recordings))
    store = VerdictStore.open(place)
    queues = store.queues()
    if queues.empty:
        raise ValueError(f"{place} has no queue of clips")
    queue = int(queues["queue"].iloc[-1])
    table = store.clips(queue)
    check_recordings(table, files, str(config.recordings))
    recogniser = recogniser_of(config)
    species = () if recogniser is None else recogniser.species
    clips = Clips(table, files, float(config.context_s), recogniser)
    _log.info("queue %d of %s: %d clips", queue, place, len(table))
    reviewer = "" if config.reviewer is None else str(config.reviewer)
    return Review(store, queue, clips, config.once_per, species, reviewer)


def check_recordings(table: pd.DataFrame, files: Iterable[str], place: str) -> None:
    """Names recordings of a queue that are missing.

    Raises:
        ValueError: all of them are.
    """
    wanted = dict.fromkeys(table["recording_id"])
    missing = [name for name in wanted if name not in set(files)]
    if not missing:
        return
    named = ", ".join(missing[:_NAMED]) + (", …" if len(missing) > _NAMED else "")
    found = f"recordings={place} lacks {len(missing)} of {len(wanted)} recordings of the queue"
    if len(missing) == len(wanted):
        raise ValueError(f"{found}: {named}; give the folder that was scored")
    _log.warning("%s, whose clips can only be skipped: %s", found, named)


def recogniser_of(config: DictConfig) -> Recogniser | None:
    """That of the checkpoint, if one is given."""
    if config.checkpoint is None:
        return None
    return load_recogniser(config.checkpoint, encoder=config.encoder_file)
