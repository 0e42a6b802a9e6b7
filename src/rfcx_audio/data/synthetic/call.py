"""The waveform of one call, of one individual, in the box of its template."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rfcx_audio.data.synthetic.templates import Template
from rfcx_audio.data.synthetic.voices import Voice

PARTIAL_DECAY = 0.8  # amplitude of each parallel tone over that of the one below
EDGE_S = 0.006  # shortest rise and fall of a note; steeper ones would leave the band


class Caller(NamedTuple):
    """One individual: what is its own in all its calls of a recording.

    Attributes:
        name: unique over the data set.
        pitch: shift, in shares of the band.
        stretch: length of a call over that of its box.
        tempo: factor on the rates of pulses and warbles.
        attack: shift of the loudest moment of a note, in shares of the note.
        snr_db: mean power of a call over its box against the background's mean power in its band.
    """

    name: str
    pitch: float
    stretch: float
    tempo: float
    attack: float
    snr_db: float


def draw_caller(rng: np.random.Generator, name: str, snr_db: tuple[float, float]) -> Caller:
    """An individual drawn from its species."""
    return Caller(
        name=name,
        pitch=float(rng.uniform(-0.05, 0.05)),
        stretch=float(rng.uniform(0.82, 0.97)),
        tempo=float(rng.uniform(0.92, 1.08)),
        attack=float(rng.uniform(-0.1, 0.1)),
        snr_db=float(rng.uniform(*snr_db)),
    )


def call_waveform(
    rng: np.random.Generator, voice: Voice, template: Template, caller: Caller, sample_rate: int
) -> NDArray[np.float32]:
    """A call in the box of its template.

    Args:
        rng: draws what differs from call to call: timing, pitch and loudness of the notes.
        voice: the pattern.
        template: the box; the call lies in its band and within its duration.
        caller: the individual.
        sample_rate: Hz, at least twice the upper edge of the band.

    Returns:
        (samples,) over the whole box, mean power 1.
    """
    waveform = np.zeros(round(template.duration_s * sample_rate), dtype=np.float32)
    length_s = template.duration_s * caller.stretch
    slots_s = voice.accel ** np.linspace(0.0, 1.0, voice.notes)
    slots_s *= length_s / slots_s.sum()
    lead_s = (template.duration_s - length_s) * rng.uniform(0.3, 0.7)  # a matcher's boxes are loose
    starts_s = lead_s + np.cumsum(slots_s) - slots_s
    for index, (start_s, slot_s) in enumerate(zip(starts_s, slots_s, strict=True)):
        note_s = slot_s * voice.duty
        late_s = rng.uniform(0.0, 0.1) * (slot_s - note_s)
        time_s = np.arange(round(note_s * sample_rate)) / sample_rate
        pitch = _pitch(rng, voice, index, caller, time_s)
        note = _note(rng, voice, template, pitch, time_s) * _envelope(rng, voice, caller, time_s)
        first = round((start_s + late_s) * sample_rate)
        waveform[first : first + len(note)] += note[: len(waveform) - first]
    return waveform / np.sqrt(np.mean(np.square(waveform)))


def _pitch(
    rng: np.random.Generator, voice: Voice, index: int, caller: Caller, time_s: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Pitch of a call's note over its time, in shares of the band."""
    contour = voice.contours[index % len(voice.contours)]
    knots_s = np.linspace(0.0, time_s[-1], len(contour))
    pitch = np.interp(time_s, knots_s, contour) + caller.pitch + rng.uniform(-0.01, 0.01)
    if voice.warble:
        swing = 2 * np.pi * (voice.warble_hz * caller.tempo * time_s + rng.uniform())
        pitch += voice.warble * np.sin(swing)
    return pitch


def _note(
    rng: np.random.Generator,
    voice: Voice,
    template: Template,
    pitch: NDArray[np.float64],
    time_s: NDArray[np.float64],
) -> NDArray[np.float32]:
    """The parallel tones of a note, each of constant loudness."""
    width_hz = template.f_max - template.f_min
    cycles = np.cumsum(template.f_min + width_hz * pitch) * (time_s[1] - time_s[0])
    note = np.zeros(len(time_s), dtype=np.float32)
    for order, offset in enumerate(voice.partials):
        phase = cycles + (width_hz * offset) * time_s + rng.uniform()
        phase -= np.floor(phase)  # single precision is exact enough only for the fraction
        note += PARTIAL_DECAY**order * np.sin(np.float32(2 * np.pi) * phase.astype(np.float32))
    return note


def _envelope(
    rng: np.random.Generator, voice: Voice, caller: Caller, time_s: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Loudness of a note over its time: one rise and fall, and the pulses within."""
    note_s = time_s[-1]
    edge = min(0.5, EDGE_S / note_s)
    peak = min(max(voice.attack + caller.attack, edge), 1 - edge)
    rise = np.interp(time_s / note_s, [0.0, peak, 1.0], [0.0, 1.0, 0.0]).astype(np.float32)
    envelope = np.sin(np.float32(0.5 * np.pi) * rise)
    if voice.pulse_hz:
        rate_hz = voice.pulse_hz * caller.tempo
        chopped = np.sin(np.float32(np.pi) * (rate_hz * time_s).astype(np.float32))
        envelope *= np.square(np.square(chopped))
    return envelope * np.float32(10 ** (rng.normal(0.0, 1.0) / 20))


def burst_waveform(
    rng: np.random.Generator, template: Template, sample_rate: int
) -> NDArray[np.float32]:
    """A burst of noise in the box of a template.

    Returns:
        (samples,) over the whole box, mean power 1.
    """
    num_samples = round(template.duration_s * sample_rate)
    spectrum = np.zeros(num_samples // 2 + 1, dtype=np.complex64)
    # the middle of the band, so that the envelope's sidebands stay inside, too
    margin_hz = 0.05 * (template.f_max - template.f_min)
    low, high = template.f_min + margin_hz, template.f_max - margin_hz
    first, last = (round(hz * num_samples / sample_rate) for hz in (low, high))
    spectrum[first:last] = rng.standard_normal(2 * (last - first), dtype=np.float32).view("c8")
    peak, length = rng.uniform(0.02, 0.4), rng.uniform(0.5, 1.0)
    position = np.arange(num_samples, dtype=np.float32) / num_samples
    envelope = np.interp(position, [0.0, peak * length, length], [0.0, 1.0, 0.0])
    waveform = np.fft.irfft(spectrum, num_samples).astype(np.float32, copy=False) * envelope.astype(
        np.float32
    )
    return waveform / np.sqrt(np.mean(np.square(waveform)))
