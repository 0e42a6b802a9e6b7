"""Clips of a queue, answered by reviewers on a page in the browser."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import pandas as pd

from rfcx_audio.commands.queue_draw import draw_queue
from rfcx_audio.config import DictConfig, build
from rfcx_audio.scoring import Recogniser, list_recordings, load_recogniser
from rfcx_audio.scoring.archive import fingerprint
from rfcx_audio.screen import print_line
from rfcx_audio.verdicts import STORE_NAME, VerdictStore

if TYPE_CHECKING:
    from rfcx_audio.page import Review

_log = logging.getLogger(__name__)
_NEEDED = ("starlette", "uvicorn")
_NAMED = 3  # recordings that are missing


def run(config: DictConfig) -> None:
    """The command."""
    place = store_path(config)
    if not config.page:
        store, queue = queue_of(config, place)
        print_line(f"{len(store.clips(queue))} clips are queued in {place}")
        return
    check_installed(_NEEDED)
    from rfcx_audio.page import serve  # noqa: PLC0415 (of an extra)

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
    return Path(config.store) if config.store else Path(config.paths.output_dir) / STORE_NAME


def prepared(config: DictConfig, place: Path) -> Review:
    """The review that the page shows.

    Raises:
        ValueError: an option is out of its range, or none of the recordings of the queue is there;
            see also `queue_of`.
        VerdictError: there is no store, or it is of another version.
    """
    from rfcx_audio.page import Clips, Review  # noqa: PLC0415 (of an extra)
    from rfcx_audio.page.order import OncePer  # noqa: PLC0415 (of an extra)

    if not 0 <= config.context_s <= 30:
        raise ValueError(f"context_s={config.context_s}; expected 0 to 30")
    files = list_recordings(str(config.recordings))
    store, queue = queue_of(config, place)
    table = store.clips(queue)
    if config.once_per in get_args(OncePer) and (store.strata()["queue"] == queue).any():
        raise ValueError(
            f"once_per={config.once_per} passes over clips of a queue that was drawn by chance, so "
            "that no estimate would hold; choose another queue, such as queue=top, or once_per=null"
        )
    check_recordings(table, files, str(config.recordings))
    recogniser = recogniser_of(config)
    species = () if recogniser is None else recogniser.species
    clips = Clips(table, files, float(config.context_s), recogniser)
    _log.info("queue %d of %s: %d clips", queue, place, len(table))
    reviewer = "" if config.reviewer is None else str(config.reviewer)
    return Review(store, queue, clips, config.once_per, species, reviewer)


def queue_of(config: DictConfig, place: Path) -> tuple[VerdictStore, int]:
    """The queue that is reviewed: the last of a store, or a new one.

    A new one is drawn where scores or detections are given, unless the last one was drawn from
    these, and with the same options.

    Raises:
        ValueError: there is no queue, and nothing to draw one from; see also `draw_queue`.
        VerdictError: the store is none, or of another version.
    """
    source = config.scores or config.detections
    if source is None and not place.exists():
        raise ValueError(
            f"{place} does not exist; give scores=… or detections=…, from which clips are drawn"
        )
    store = VerdictStore.open(place, create=source is not None)
    queues = store.queues()
    if source is not None and (queues.empty or not is_drawn(queues.iloc[-1], config)):
        return store, draw_queue(config, store)
    if queues.empty:
        raise ValueError(
            f"{place} has no queue; give scores=… or detections=…, from which clips are drawn"
        )
    return store, int(queues["queue"].iloc[-1])


def is_drawn(queue: pd.Series, config: DictConfig) -> bool:
    """Whether a queue is the one that a configuration describes."""
    source = Path(config.scores or config.detections)
    design, kept = build(config.queue), json.loads(queue["settings"])
    options = json.loads(json.dumps(design.options))
    same = (queue["design"], kept.get("options")) == (design.name, options)
    return same and source.is_file() and kept.get("fingerprint") == fingerprint(source)


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
