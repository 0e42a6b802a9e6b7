"""Where a template matcher fires although its species is not calling there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Literal, NamedTuple

import numpy as np

from rfcx_audio.data.synthetic.scene import Scene, Sound
from rfcx_audio.data.synthetic.templates import Songs, Template

Cause = Literal["near_miss", "other", "burst", "quiet"]

# What it detected instead, tried in an order drawn by these weights for each detection.
CAUSES: tuple[Cause, ...] = ("near_miss", "other", "burst")
WEIGHTS = (0.7, 0.2, 0.1)
QUIET: Cause = "quiet"  # when there is nothing else

LEAST_OVERLAP = 0.5  # of the matcher's band with that of another species which it takes for its own
CLEAR_S = 0.1  # from a false alarm to the nearest call of its species
QUIET_TRIES = 5  # windows tried in a recording


class Detection(NamedTuple):
    """What a template matcher reports.

    Attributes:
        cause: what it detected: a near miss, another species, a burst of noise, or nothing much.
        recording_id: where.
        template: what it looked for.
        t_min: start of the box, seconds.
    """

    cause: Cause
    recording_id: str
    template: Template
    t_min: float


def false_alarms(
    rng: np.random.Generator,
    scenes: Sequence[Scene],
    songs: Songs,
    species: int,
    duration_s: float,
) -> Iterator[Detection]:
    """False alarms for a species, each in another recording, until none is left.

    No call of the species is within `CLEAR_S` of them; it may call elsewhere in the recording.
    Windows with nothing of note in them come last, when there is nothing else.

    Args:
        rng: draws the order.
        scenes: the recordings.
        songs: of the species.
        species: whose matcher it is.
        duration_s: length of each recording, seconds.
    """
    calls = {scene.recording_id: _calls(scene, species) for scene in scenes}
    own = songs[species]
    mistaken = [hit for scene in scenes for hit in _mistaken(scene, species, own)]
    quiet = [hit for scene in scenes for hit in _quiet(rng, scene, own, duration_s)]
    left: dict[Cause, list[Detection]] = {cause: [] for cause in (*CAUSES, QUIET)}
    for hits in (mistaken, quiet):
        for place in rng.permutation(len(hits)):
            left[hits[place].cause].append(hits[place])
    while any(left.values()):
        order = rng.choice(len(CAUSES), len(CAUSES), replace=False, p=WEIGHTS)
        causes = [CAUSES[place] for place in order]
        hit = next(left[cause] for cause in (*causes, QUIET) if left[cause]).pop()
        t_max = hit.t_min + hit.template.duration_s
        if (
            hit.recording_id in calls
            and 0.0 <= hit.t_min <= t_max <= duration_s
            and not any(
                start_s - CLEAR_S < t_max and hit.t_min < end_s + CLEAR_S
                for start_s, end_s in calls[hit.recording_id]
            )
        ):
            del calls[hit.recording_id]
            yield hit


def _calls(scene: Scene, species: int) -> list[tuple[float, float]]:
    """Start and end of each call of a species, seconds."""
    return [(s.t_min, s.t_max) for s in scene.sounds if _is_call(s, species)]


def _is_call(sound: Sound, species: int) -> bool:
    return sound.kind == "call" and sound.template.species_id == species


def _mistaken(scene: Scene, species: int, songs: tuple[Template, ...]) -> Iterator[Detection]:
    """A detection on every sound that the matcher may take for its own."""
    for sound in scene.sounds:
        other = sound.box
        if other.species_id != species:
            for song in _confused_with(other, songs):
                t_min = sound.t_min + 0.5 * (other.duration_s - song.duration_s)
                yield Detection("other", scene.recording_id, song, t_min)
        elif sound.kind != "call" and sound.template.overlap(other) >= LEAST_OVERLAP:
            yield Detection(sound.kind, scene.recording_id, sound.template, sound.t_min)


@cache
def _confused_with(other: Template, songs: tuple[Template, ...]) -> tuple[Template, ...]:
    """Those of a species' songs in whose band another template lies."""
    return tuple(song for song in songs if song.overlap(other) >= LEAST_OVERLAP)


def _quiet(
    rng: np.random.Generator, scene: Scene, songs: tuple[Template, ...], duration_s: float
) -> Iterator[Detection]:
    """Detections anywhere."""
    for _ in range(QUIET_TRIES):
        song = songs[rng.integers(len(songs))]
        t_min = float(rng.uniform(0.0, duration_s - song.duration_s))
        yield Detection(QUIET, scene.recording_id, song, t_min)
