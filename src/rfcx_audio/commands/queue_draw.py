"""A queue of clips from scores or detections, as a configuration describes it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rfcx_audio.commands.place_and_time import infos_of_scores
from rfcx_audio.config import DictConfig, build
from rfcx_audio.data import RecordingInfo, few, read_annotations
from rfcx_audio.queues import (
    Design,
    QueueError,
    draw,
    frame_of_detections,
    frame_of_scores,
    read_detections,
)
from rfcx_audio.scores import CALIBRATED, CORRECTED, WINDOW, Scores, scale_of
from rfcx_audio.scoring import list_recordings
from rfcx_audio.scoring.archive import fingerprint
from rfcx_audio.verdicts import VerdictStore

_log = logging.getLogger(__name__)
_OF_THE_MODEL = ("checkpoint", "checkpoint_sha256", "duration_s", "hop_s")


def draw_queue(config: DictConfig, store: VerdictStore) -> int:
    """Draws a queue and writes it into a store.

    Args:
        config: of a command, with the group `queue` and the keys `scores` and `detections` (one of
            the two), `recordings`, `recordings_table`, `timezone` and `species`.
        store: that receives the queue; what its verdicts answer is not offered again.

    Returns:
        The number of the queue in the store.

    Raises:
        ValueError: not one of scores and detections is given, one of the places cannot be used,
            nothing is left to be reviewed, or an option does not fit.
    """
    if (config.scores is None) == (config.detections is None):
        raise QueueError("give either scores=… or detections=…, from which the queue is drawn")
    design: Design = build(config.queue)
    spacing_s = design.min_spacing_s if design.by_chance else 0.0
    if config.scores is not None:
        scores = Scores.read(config.scores)
        if scale_of(scores.metadata) == CORRECTED:
            raise QueueError(
                f"scores={config.scores} are corrected to a prevalence, and no threshold that is "
                "found with them holds elsewhere; give those that they were made from, in which "
                "each species has the same order"
            )
        infos = _infos(config, scores)
        frame = frame_of_scores(scores, infos, spacing_s)
    else:
        table = read_detections(config.detections)
        frame = frame_of_detections(table, {}, spacing_s)  # before files are opened
        keys = table[list(WINDOW)]
        infos = _infos(config, Scores(keys, np.zeros((len(keys), 0)), ()))
        frame = frame_of_detections(table, infos, spacing_s)
    labels = None
    if design.leave_out is not None:
        labels = labelled_stretches(design.leave_out, frame.species, config.species, list(infos))
    settings = {**_source(config, frame.metadata), "recordings": _text(config.recordings)}
    queue = draw(frame, design, store, settings, labels)
    clips = store.clips(queue)
    _log.info(
        "queue %d (%s): %d clips of %d species in %d recordings, of %d %s",
        *(queue, design.name, len(clips), clips["species"].nunique()),
        *(clips["recording_id"].nunique(), len(frame.table), frame.kind),
    )
    return queue


def labelled_stretches(
    place: str, species: Sequence[str], numbers: str | None, recordings: Sequence[str]
) -> pd.DataFrame:
    """`recording_id`, `species` (name), `t_min`, `t_max` (s) of the rows of labels.

    Rows without times are about their whole recording.

    Args:
        place: of the labels, see `read_annotations`.
        species: names that are scored.
        numbers: the `species` of `read_annotations`.
        recordings: ids.
    """
    rows = read_annotations(place, list(species), numbers, recordings=recordings).rows
    names = np.array(species)[rows["species_id"].to_numpy(dtype=int)]
    times = {"t_min": rows["t_min"].fillna(0.0), "t_max": rows["t_max"].fillna(np.inf)}
    return rows[["recording_id"]].assign(species=names, **times)


def _infos(config: DictConfig, scores: Scores) -> Mapping[str, RecordingInfo]:
    """Where and when the recordings of scores were made.

    Raises:
        QueueError: the given recordings lack one of them.
    """
    if config.recordings is None:
        return infos_of_scores(config, scores, {})
    paths = list_recordings(config.recordings)
    missing = sorted({*scores.recordings} - {*paths})
    if missing:
        raise QueueError(
            f"{len(missing)} recording(s) of the queue are not in recordings={config.recordings}: "
            f"{few(missing)}; it has {few(list(paths))}"
        )
    return infos_of_scores(config, scores, {name: paths[name] for name in scores.recordings})


def _source(config: DictConfig, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """What is known of the scores, as plain JSON."""
    place = config.scores if config.scores is not None else config.detections
    model = {name: metadata[name] for name in _OF_THE_MODEL if name in metadata}
    return {
        "scores": str(place),
        "fingerprint": fingerprint(Path(place)),
        "model": model,
        "calibrated": scale_of(metadata) == CALIBRATED,
    }


def _text(value: object) -> str | None:
    return None if value is None else str(value)
