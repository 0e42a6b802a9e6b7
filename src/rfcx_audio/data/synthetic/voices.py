"""The voice of each (species, songtype), and the sounds one may take it for."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from rfcx_audio.data.synthetic.streams import generator
from rfcx_audio.data.synthetic.templates import Template

Contour = tuple[float, ...]


@dataclass(frozen=True)
class Voice:
    """How a call is built. Pitch is given in shares of the template's band, 0 its lower edge.

    Attributes:
        contours: pitch of a note over its time, joined by straight lines; note after note takes
            the next contour, cyclically.
        notes: number of notes in a call.
        duty: share of its time slot in which a note sounds, in (0, 1].
        accel: length of the last slot over that of the first.
        partials: where parallel tones lie above the pitch.
        warble_hz: rate at which the pitch swings.
        warble: how far it swings to either side.
        pulse_hz: rate at which a note is chopped; 0 leaves it whole.
        attack: share of a note before its loudest moment.
    """

    contours: tuple[Contour, ...]
    notes: int = 1
    duty: float = 0.9
    accel: float = 1.0
    partials: tuple[float, ...] = (0.0,)
    warble_hz: float = 0.0
    warble: float = 0.0
    pulse_hz: float = 0.0
    attack: float = 0.3


VOICES: dict[tuple[int, int], Voice] = {
    # below 6 kHz: hoots, coos, the two-note frog, clucks, whistles
    (13, 1): Voice(((0.2, 0.6, 0.2),), partials=(0.0, 0.3), attack=0.5),
    (15, 1): Voice(((0.25, 0.5), (0.5, 0.5), (0.5, 0.25)), notes=3, duty=0.75, attack=0.6),
    (3, 1): Voice(((0.2, 0.2), (0.45, 0.85)), notes=2, duty=0.75, attack=0.4),
    (2, 1): Voice(((0.25, 0.8),), notes=5, duty=0.5, attack=0.7),
    (19, 1): Voice(((0.6, 0.2),), notes=8, duty=0.6, accel=0.4, partials=(0.0, 0.25), attack=0.1),
    (6, 1): Voice(((0.2, 0.25, 0.2),), partials=(0.0, 0.2, 0.4, 0.6), pulse_hz=12.0, attack=0.2),
    (12, 1): Voice(((0.85, 0.2),), notes=2, duty=0.85, attack=0.5),
    (9, 1): Voice(((0.3, 0.8, 0.3), (0.6, 0.3)), notes=6, duty=0.7, partials=(0.0, 0.15)),
    (17, 1): Voice(((0.2, 0.45), (0.85, 0.6), (0.5, 0.5)), notes=9, duty=0.7, attack=0.4),
    (17, 4): Voice(((0.5, 0.5),), notes=2, duty=0.8, warble_hz=9.0, warble=0.3, attack=0.4),
    (20, 1): Voice(((0.2, 0.5),), notes=11, duty=0.55, partials=(0.0, 0.2, 0.4), attack=0.1),
    (11, 1): Voice(((0.8, 0.25), (0.25, 0.8)), notes=2, duty=0.8, attack=0.3),
    # frogs between 2 and 6 kHz
    (4, 1): Voice(((0.2, 0.2), (0.5, 0.5), (0.8, 0.8)), notes=3, duty=0.8, attack=0.2),
    (14, 1): Voice(((0.8, 0.35),), notes=7, duty=0.6, attack=0.2),
    (16, 4): Voice(((0.3, 0.7),), pulse_hz=14.0, attack=0.8),
    (18, 1): Voice(((0.15, 0.3, 0.85),), duty=0.95, attack=0.7),
    (1, 1): Voice(((0.85, 0.7, 0.2),), duty=0.95, attack=0.2),
    (8, 1): Voice(((0.5, 0.5),), notes=12, duty=0.3, accel=3.0, attack=0.1),
    (21, 1): Voice(((0.35, 0.35),), pulse_hz=16.0, partials=(0.0, 0.3), attack=0.3),
    # above 5 kHz: thin birds
    (0, 1): Voice(((0.2, 0.8, 0.65),), notes=3, duty=0.75, attack=0.4),
    (5, 1): Voice(((0.15, 0.5), (0.45, 0.9)), notes=8, duty=0.75, accel=0.5, attack=0.5),
    (7, 1): Voice(((0.8, 0.3, 0.5),), notes=3, duty=0.85, warble_hz=14.0, warble=0.08, attack=0.2),
    (10, 1): Voice(((0.75, 0.15, 0.35),), notes=4, duty=0.7, partials=(0.0, 0.1, 0.2), attack=0.3),
    (22, 1): Voice(((0.8, 0.2),), notes=9, duty=0.6, accel=0.7, attack=0.3),
    (23, 1): Voice(((0.2, 0.2), (0.8, 0.4)), notes=12, duty=0.6, accel=0.6, attack=0.3),
    (23, 4): Voice(((0.4, 0.6, 0.4),), notes=5, duty=0.8, warble_hz=5.0, warble=0.25, attack=0.5),
}


LOWEST_PITCH, HIGHEST_PITCH = 0.15, 0.85  # pitch of invented voices, parallel tones included
NOTES_HZ = (1.0, 6.0)  # range of their rate
MOST_NOTES = 12


def voice_of(song: Template) -> Voice:
    """The fixed voice of a song of RFCX's species, or the invented one of another song.

    The voice of an invented song depends on its species and song type, and through its number of
    notes on its duration.
    """
    fixed = VOICES.get((song.species_id, song.songtype_id))
    return _invented(song) if fixed is None else fixed


def _invented(song: Template) -> Voice:
    rng = generator(0, "voice", song.species_id, song.songtype_id)
    rate_hz = float(np.exp(rng.uniform(*np.log(NOTES_HZ))))
    notes = int(np.clip(round(rate_hz * song.duration_s), 1, MOST_NOTES))
    partials = (0.0, 0.1, 0.2, 0.3)[: int(rng.integers(1, 4))]
    is_warbled = rng.random() < 0.25
    warble = float(rng.uniform(0.05, 0.15)) * is_warbled
    low, high = LOWEST_PITCH + warble, HIGHEST_PITCH - partials[-1] - warble
    contours = tuple(
        tuple(rng.uniform(low, high, rng.integers(2, 4)).round(3).tolist())
        for _ in range(rng.integers(1, 4))
    )
    is_pulsed = notes <= MOST_PULSED_NOTES and rng.random() < 0.3
    return Voice(
        contours=contours,
        notes=notes,
        duty=float(rng.uniform(0.5, 0.9)),
        accel=float(rng.choice([0.5, 1.0, 1.0, 2.0])),
        partials=partials,
        warble_hz=float(rng.uniform(4.0, 12.0)) * is_warbled,
        warble=warble,
        pulse_hz=float(rng.uniform(8.0, 16.0)) * is_pulsed,
        attack=float(rng.uniform(0.1, 0.8)),
    )


# Traits of a near miss lie outside what individuals of a species do (see `Caller`).
ADDED_PULSE_HZ = 15.0
SLOWER, FASTER = 0.4, 2.2
LEAST_SWEEP = 0.25  # below it a voice is as good as level, and has no direction to turn
MOST_PULSED_NOTES = 5  # more notes are too short to be chopped audibly


def near_misses(voice: Voice) -> tuple[Voice, ...]:
    """What a template matcher takes for `voice`: its band and duration, another pattern.

    Returns:
        At least two voices, each with one trait changed by more than individuals differ: the call
        runs backwards or stays on one pitch, notes or pulses come at about half or twice the rate,
        parallel tones, pulses or a warble are missing or added.
    """
    low, high = min(map(min, voice.contours)), max(map(max, voice.contours))
    changed = [replace(voice, notes=2 * voice.notes)]
    if voice.notes > 1:
        changed.append(replace(voice, notes=voice.notes // 2))
    if high - low >= LEAST_SWEEP:
        level = 0.5 * (low + high)
        changed.append(replace(voice, contours=((level, level),)))
    if high - low >= LEAST_SWEEP or voice.accel != 1:
        contours = tuple(contour[::-1] for contour in reversed(voice.contours))
        if (contours, 1 / voice.accel) != (voice.contours, voice.accel):
            changed.append(replace(voice, contours=contours, accel=1 / voice.accel))
    if voice.pulse_hz:
        changed += [replace(voice, pulse_hz=rate * voice.pulse_hz) for rate in (SLOWER, FASTER)]
    elif voice.notes <= MOST_PULSED_NOTES:
        changed.append(replace(voice, pulse_hz=ADDED_PULSE_HZ))
    if len(voice.partials) > 1:
        changed.append(replace(voice, partials=(0.0,)))
    if voice.warble:
        changed += [replace(voice, warble=0.0), replace(voice, warble_hz=FASTER * voice.warble_hz)]
    return tuple(changed)
