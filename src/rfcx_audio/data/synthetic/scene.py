"""What sounds when in a recording: callers in series, near misses and bursts of noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rfcx_audio.data.synthetic.call import Caller, draw_caller
from rfcx_audio.data.synthetic.recipe import Rainforest
from rfcx_audio.data.synthetic.templates import Songs, Template
from rfcx_audio.data.synthetic.voices import Voice, near_misses, voice_of

Kind = Literal["call", "near_miss", "burst"]

MOST_CALLERS = 2  # of a present species; one or two are equally likely
BURSTS_PER_MINUTE = 1.5
GAP_JITTER = 0.2  # of the mean gap of a caller, to either side
REST_S = 0.4  # least pause between two calls of one caller


class Sound(NamedTuple):
    """One sound in the box that a template matcher would report.

    Attributes:
        kind: a species' own call, another voice in its box, or noise in its box.
        template: the box.
        voice: the pattern; a burst has none.
        caller: who makes it.
        t_min: start of the box, seconds.
        box: where it lies, which is not the template for those who sing higher or lower.
    """

    kind: Kind
    template: Template
    voice: Voice | None
    caller: Caller
    t_min: float
    box: Template

    @property
    def t_max(self) -> float:
        """End of the box, seconds."""
        return self.t_min + self.template.duration_s


class Scene(NamedTuple):
    """The plan of one recording.

    Attributes:
        split: train or test.
        number: of the recording in its split; its background is drawn from it.
        recording_id: 9 hexadecimal digits.
        focal: the class of the TP row; none in test and in part of training.
        sounds: in no order.
    """

    split: Literal["train", "test"]
    number: int
    recording_id: str
    focal: Template | None
    sounds: tuple[Sound, ...]


def draw_sounds(
    rng: np.random.Generator,
    recipe: Rainforest,
    songs: Songs,
    recording_id: str,
    present: NDArray[np.bool_],
    focal: Template | None,
) -> tuple[Sound, ...]:
    """All sounds of a recording but its background.

    Args:
        rng: of this recording.
        recipe: the settings.
        songs: of the species.
        recording_id: from which individuals have their names.
        present: (species,) which species call.
        focal: its species calls whatever `present` holds, at least one caller with this song.
    """
    cast: list[tuple[Kind, Template, Voice | None]] = []
    if focal is not None:
        cast.append(("call", focal, voice_of(focal)))
    for species in songs:
        is_focal = focal is not None and species == focal.species_id
        if present[species] or is_focal:
            for _ in range(rng.integers(1, MOST_CALLERS + 1) - is_focal):
                song = _draw_song(rng, songs[species])
                cast.append(("call", song, voice_of(song)))
    for _ in range(rng.poisson(recipe.near_misses)):
        song = _draw_song(rng, songs[int(rng.integers(len(songs)))])
        voices = near_misses(voice_of(song))
        cast.append(("near_miss", song, voices[rng.integers(len(voices))]))
    for _ in range(rng.poisson(recipe.shared_songs)):
        song, other = _two_songs(rng, songs)
        cast.append(("near_miss", song, voice_of(other)))
    for _ in range(rng.poisson(recipe.weather * BURSTS_PER_MINUTE * recipe.duration_s / 60)):
        cast.append(("burst", _draw_song(rng, songs[int(rng.integers(len(songs)))]), None))
    sounds = []
    for number, (kind, song, voice) in enumerate(cast):
        caller = draw_caller(rng, f"{recording_id}-{number}", recipe.snr_db)
        starts_s = _series(rng, recipe, song.duration_s)
        if kind == "burst":
            starts_s = rng.choice(starts_s, 1)
        # The first is the caller of the TP row, whose calls a template matcher found in its box.
        is_free = kind != "burst" and not (number == 0 and focal is not None)
        octaves = _octaves(rng, recipe, starts_s) if is_free else np.zeros(len(starts_s))
        sounds += [
            Sound(kind, song, voice, caller, start_s, song.moved(higher, recipe.sample_rate))
            for start_s, higher in zip(starts_s.tolist(), octaves.tolist(), strict=True)
        ]
    return tuple(sounds)


def _octaves(
    rng: np.random.Generator, recipe: Rainforest, starts_s: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How many octaves above its template's box each call of one caller lies."""
    octaves = np.zeros(len(starts_s))
    if recipe.pitch_spread:
        octaves += rng.normal(0.0, recipe.pitch_spread)
    if recipe.drift:
        octaves += rng.uniform(-1, 1) * recipe.drift * (starts_s / recipe.duration_s - 0.5)
    return octaves


def _series(rng: np.random.Generator, recipe: Rainforest, box_s: float) -> NDArray[np.float64]:
    """Starts of one caller's calls through the recording, seconds; at least one."""
    shortest_s, longest_s = recipe.call_gap_s
    gap_s = max(np.exp(rng.uniform(np.log(shortest_s), np.log(longest_s))), box_s + REST_S)
    latest_s = recipe.duration_s - box_s
    first_s = rng.uniform(0.0, min(gap_s, latest_s))
    gaps_s = gap_s * rng.uniform(1 - GAP_JITTER, 1 + GAP_JITTER, int(recipe.duration_s / gap_s) + 2)
    starts_s = first_s + np.concatenate([[0.0], np.cumsum(np.maximum(gaps_s, box_s + REST_S))])
    return starts_s[starts_s <= latest_s]


def _draw_song(rng: np.random.Generator, songs: Sequence[Template]) -> Template:
    return songs[int(rng.integers(len(songs)))]


def _two_songs(rng: np.random.Generator, songs: Songs) -> tuple[Template, Template]:
    """Songs of two species."""
    one, other = rng.choice(len(songs), 2, replace=False).tolist()
    return _draw_song(rng, songs[one]), _draw_song(rng, songs[other])
