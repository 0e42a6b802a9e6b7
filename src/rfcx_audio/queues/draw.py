"""A queue of clips, drawn by a design and written beside the verdicts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pandas as pd

from rfcx_audio.data import after
from rfcx_audio.queues.design import Design
from rfcx_audio.queues.earlier import earlier_answers, shared
from rfcx_audio.queues.frame import Frame
from rfcx_audio.scores import RECORDING
from rfcx_audio.verdicts import CLIP_COLUMNS, VerdictStore

_WITHOUT = " without {} labelled"  # ends the name of a population


def draw(
    frame: Frame,
    design: Design,
    store: VerdictStore,
    settings: Mapping[str, Any],
    labels: pd.DataFrame | None = None,
) -> int:
    """Draws a queue and writes it into a store.

    Args:
        frame: the candidates; by chance, thinned out by `min_spacing_s`.
        design: of the queue.
        store: that receives the queue; what its verdicts answer is not offered again.
        settings: plain JSON: of which scores and recordings.
        labels: `recording_id`, `species`, `t_min`, `t_max` of rows; what they label is not offered,
            and by chance, does not belong to the frame. None: none.

    Returns:
        The number of the queue in the store.

    Raises:
        QueueError: nothing is left to be reviewed, or an option does not fit.
    """
    population, recordings = frame.fingerprint, frame.recordings
    frame = frame.of_species(design.species)
    labelled = None if labels is None else shared(frame.table, labels).overlaps
    if design.by_chance and labelled is not None:
        population += _WITHOUT.format(int(labelled.sum()))
        frame, labelled = frame.rows(~labelled), None
    earlier = earlier_answers(frame, store, design.unsure)
    if labelled is not None:
        earlier = earlier._replace(overlaps=earlier.overlaps | labelled)
    drawn = design.draw(frame, earlier)
    about = {
        "options": design.options,
        "kind": frame.kind,
        "frame": population,
        "of_recordings": recordings,
        **drawn.settings,
        **settings,
    }
    clips = placed_and_timed(drawn.clips, frame)
    return store.add_queue(design.name, clips, drawn.strata, design.seed, about)


def lacks_labelled(frame: str) -> bool:
    """Whether labelled windows were taken out of a queue's population, by its `frame`."""
    return bool(re.search(_WITHOUT.format(r"[1-9]\d*") + "$", frame))


def placed_and_timed(clips: pd.DataFrame, frame: Frame) -> pd.DataFrame:
    """Clips with the columns of `CLIP_COLUMNS`: `site`, and `clock` as ISO 8601 to the second."""
    names = clips[RECORDING[0]].astype(str)
    infos = [frame.infos.get(name) for name in names]
    clocks = [
        after(info.start, float(t_min)).isoformat(timespec="seconds") if info and info.start else ""
        for info, t_min in zip(infos, clips["t_min"], strict=True)
    ]
    sites = [info.site if info else "" for info in infos]
    text = {RECORDING[0]: names, "species": clips["species"].astype(str)}
    return clips.assign(**text, site=sites, clock=clocks)[list(CLIP_COLUMNS)].reset_index(drop=True)
