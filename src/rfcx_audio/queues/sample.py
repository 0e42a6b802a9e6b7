"""What was judged of the queues of a store, with how each clip was drawn."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from rfcx_audio.verdicts import (
    ABSENT,
    PRESENT,
    SKIPPED,
    UNSURE,
    VerdictStore,
    disputed,
    settled,
)

WAITING, DISPUTED = "waiting", "disputed"
_COLUMNS = ("queue", "species", "stratum", "score", "status")


class Sample(NamedTuple):
    """The clips of queues and what became of them.

    Attributes:
        queues: `queue`, `design`, `by_chance`, `kind` (windows or detections), `frame` (fingerprint
            of the population), `of_recordings` (fingerprint of the names of its recordings),
            `source` (fingerprint of the scores) and `calibrated` (of them).
        strata: `queue` and the columns of `STRATUM_COLUMNS`.
        clips: `queue`, `species`, `stratum`, `score` and `status`: present, absent, unsure,
            skipped, disputed (reviewers disagree) or waiting (no answer yet). Clips that were drawn
            again after they had been answered in an earlier queue stand here where their turn was.
    """

    queues: pd.DataFrame
    strata: pd.DataFrame
    clips: pd.DataFrame


def read_sample(store: VerdictStore) -> Sample:
    """What the verdicts of a store answer of its queues."""
    clips, answers = store.clips(), store.answers()
    status = clips["clip"].map(status_of(answers)).astype(object).fillna(WAITING)
    clips = clips.assign(status=status)
    by_clip = dict(zip(clips["clip"], clips["status"], strict=True))
    strata = store.strata()
    chance = set(strata["queue"])
    abouts, again = [], []
    for row in store.queues().to_dict("records"):
        settings = json.loads(row["settings"])
        number = int(row["queue"])
        abouts.append((number, row["design"], number in chance, *_about(number, settings)))
        own = clips[clips["queue"] == row["queue"]]
        again += _drawn_again(number, own, settings, by_clip)
    earlier = pd.DataFrame(again, columns=pd.Index(_COLUMNS))
    parts = [part for part in (clips[list(_COLUMNS)], earlier) if len(part)]
    whole = pd.concat(parts, ignore_index=True) if parts else earlier
    columns = ["queue", "design", "by_chance", "kind", "frame"]
    columns += ["of_recordings", "source", "calibrated"]
    queues = pd.DataFrame(abouts, columns=pd.Index(columns))
    return Sample(queues, strata, whole.astype({"score": float}))


def status_of(answers: pd.DataFrame) -> pd.Series:
    """What became of each answered clip, by its number.

    Args:
        answers: as `VerdictStore.answers` returns them.
    """
    unclear = answers[answers["answer"].isin([UNSURE, SKIPPED])]
    status = unclear.drop_duplicates("clip", keep="last").set_index("clip")["answer"]
    judged = settled(answers).set_index("clip")["answer"]
    judged = judged.where(judged == PRESENT, ABSENT)  # of another species: this one is absent
    contested = pd.Series(DISPUTED, index=disputed(answers), dtype=object)
    whole = pd.concat([part for part in (status, judged, contested) if len(part)] or [status])
    return whole[~whole.index.duplicated(keep="last")]


def _about(queue: int, settings: Mapping[str, Any]) -> tuple[Any, ...]:
    return (
        *(settings.get("kind", "windows"), settings.get("frame", f"queue {queue}")),
        settings.get("of_recordings", ""),
        *(settings.get("fingerprint", ""), bool(settings.get("calibrated", False))),
    )


def _drawn_again(
    queue: int, own: pd.DataFrame, settings: Mapping[str, Any], by_clip: Mapping[int, str]
) -> list[tuple[Any, ...]]:
    """The clips that had been answered before, as far as the reviewers have come."""
    rows = []
    for species, of_species in settings.get("drawn_again", {}).items():
        for stratum, again in of_species.items():
            mine = own[(own["species"] == species) & (own["stratum"] == stratum)]
            answered = int((mine["status"] != WAITING).sum())
            taken = {turn for turn, *_ in again}
            turns = [n for n in range(len(mine) + len(again)) if n not in taken]
            reached = turns[answered] if answered < len(mine) else np.inf
            rows += [
                (queue, species, stratum, score, by_clip.get(clip, WAITING))
                for turn, clip, score in again
                if turn < reached
            ]
    return rows
