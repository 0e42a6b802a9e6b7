"""What sounds where no species of ours calls: ambience, insects, rain and wind."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.fft import next_fast_len

TEXTURE_SAMPLES = 2**18  # a layer is made once over this length, on a circle, and then repeated
STEP_SAMPLES = 512  # levels that drift over seconds move in steps of about 10 ms
FRAME_SAMPLES = 4096  # for measuring powers by band

RAIN_SHARE, WIND_SHARE = 0.25, 0.3  # of the recordings
MEAN_INSECTS, PULSED_SHARE = 1.5, 0.6
LEAVES = 4  # kinds of drop in one rain


def draw_background(
    rng: np.random.Generator, num_samples: int, sample_rate: int, weather: float = 1.0
) -> NDArray[np.float32]:
    """The background of one recording: (num_samples,), full scale 1.

    Args:
        rng: of this recording.
        num_samples: its length.
        sample_rate: Hz.
        weather: factor on how often it rains and blows, and on the power of both.
    """
    louder_db = 10 * np.log10(max(weather, 1e-3))
    level_db = rng.uniform(-50.0, -38.0)
    waveform = _drift(rng, _ambience(rng, num_samples, sample_rate), 1.0)
    for _ in range(rng.poisson(MEAN_INSECTS)):
        insect = np.resize(_insect(rng, sample_rate), num_samples)
        waveform += _drift(rng, insect, 2.5) * _gain(rng.uniform(-22.0, 0.0))
    if rng.random() < weather * RAIN_SHARE:
        rain = np.resize(_rain(rng, sample_rate), num_samples)
        waveform += _drift(rng, rain, 2.0) * _gain(rng.uniform(-12.0, 0.0) + louder_db)
    if rng.random() < weather * WIND_SHARE:
        wind = np.resize(_wind(rng, sample_rate), num_samples)
        waveform += _drift(rng, wind, 6.0) * _gain(rng.uniform(-3.0, 9.0) + louder_db)
    return waveform * _gain(level_db)


def band_power(
    waveform: NDArray[np.float32], f_min: NDArray[np.float64], f_max: NDArray[np.float64], rate: int
) -> NDArray[np.float64]:
    """Mean power of a waveform in bands.

    Args:
        waveform: (samples,).
        f_min: (bands,) lower edges, Hz.
        f_max: (bands,) upper edges, Hz.
        rate: sample rate, Hz.

    Returns:
        (bands,); the whole band from 0 to half the sample rate would have the mean square.
    """
    frames = waveform[: len(waveform) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    taper = np.hanning(FRAME_SAMPLES).astype(np.float32)
    spectra = np.fft.rfft(frames * taper, axis=1)
    power = np.mean(np.square(np.abs(spectra)), axis=0, dtype=np.float64)
    power *= 2 / (FRAME_SAMPLES * np.sum(np.square(taper, dtype=np.float64)))
    below = np.concatenate([[0.0], np.cumsum(power)])  # power below the edge between two bins
    edges_hz = (np.arange(len(below)) - 0.5) * rate / FRAME_SAMPLES
    return np.interp(f_max, edges_hz, below) - np.interp(f_min, edges_hz, below)


def _ambience(rng: np.random.Generator, num_samples: int, rate: int) -> NDArray[np.float32]:
    """Noise that falls with frequency, with a few humps: the far chorus. Mean power 1."""
    padded = int(next_fast_len(num_samples, real=True) or num_samples)
    # drawn on few knots and interpolated, for a minute has 1.4 million frequencies
    knots_hz = np.geomspace(20.0, rate / 2, 400)
    level_db = -10 * rng.uniform(0.3, 1.4) * np.log10(knots_hz / 20.0)
    for _ in range(rng.integers(0, 4)):
        octaves = np.log2(knots_hz / rng.uniform(800.0, 9000.0))
        level_db += rng.uniform(3.0, 12.0) * np.exp(-0.5 * (octaves / rng.uniform(0.06, 0.5)) ** 2)
    level_db += rng.normal(0.0, 0.5, len(knots_hz))
    level_db -= 20 * np.maximum(0.0, np.log2(80.0 / knots_hz))  # the microphone's high-pass
    return _shaped(rng, knots_hz, level_db, padded, rate)[:num_samples]


def _insect(rng: np.random.Generator, rate: int) -> NDArray[np.float32]:
    """A narrow or broad band, continuous or pulsed: (TEXTURE_SAMPLES,), mean power 1."""
    centre_hz = rng.uniform(2500.0, min(16_000.0, 0.4 * rate))
    width_hz = centre_hz * np.exp(rng.uniform(np.log(0.004), np.log(0.12)))
    knots_hz = centre_hz + np.linspace(-4.0, 4.0, 33) * width_hz
    level_db = -4.0 * ((knots_hz - centre_hz) / width_hz) ** 2
    texture = _shaped(rng, knots_hz, level_db, TEXTURE_SAMPLES, rate)
    if rng.random() < PULSED_SHARE:
        pulses = round(np.exp(rng.uniform(np.log(0.5), np.log(40.0))) * TEXTURE_SAMPLES / rate)
        turns = np.arange(TEXTURE_SAMPLES, dtype=np.float32) * np.float32(pulses / TEXTURE_SAMPLES)
        swing = 0.5 + 0.5 * np.cos(np.float32(2 * np.pi) * turns)
        texture *= swing ** np.float32(rng.uniform(0.5, 2.0))
    return texture / np.sqrt(np.mean(np.square(texture)))


def _rain(rng: np.random.Generator, rate: int) -> NDArray[np.float32]:
    """Drops on leaves: (TEXTURE_SAMPLES,), mean power 1."""
    drops_hz = np.exp(rng.uniform(np.log(2.0), np.log(80.0)))
    spectrum = np.zeros(TEXTURE_SAMPLES // 2 + 1, dtype=np.complex64)
    for _ in range(LEAVES):
        drops = 1 + rng.poisson(drops_hz * TEXTURE_SAMPLES / rate)
        impulses = np.zeros(TEXTURE_SAMPLES, dtype=np.float32)
        impulses[rng.integers(0, TEXTURE_SAMPLES, drops)] = rng.lognormal(0.0, 0.9, drops)
        click_s = rng.uniform(0.0003, 0.002)
        click = rng.standard_normal(round(8 * click_s * rate), dtype=np.float32)
        click *= np.exp(-np.arange(len(click)) / (click_s * rate)).astype(np.float32)
        spectrum += np.fft.rfft(impulses) * np.fft.rfft(click, TEXTURE_SAMPLES)
    texture = np.fft.irfft(spectrum, TEXTURE_SAMPLES).astype(np.float32, copy=False)
    return texture / np.sqrt(np.mean(np.square(texture)))


def _wind(rng: np.random.Generator, rate: int) -> NDArray[np.float32]:
    """Rumble below some hundred hertz: (TEXTURE_SAMPLES,), mean power 1."""
    knots_hz = np.geomspace(20.0, rate / 2, 100)
    level_db = -rng.uniform(20.0, 40.0) * np.log10(1 + knots_hz / rng.uniform(60.0, 250.0))
    return _shaped(rng, knots_hz, level_db, TEXTURE_SAMPLES, rate)


def _shaped(
    rng: np.random.Generator,
    knots_hz: NDArray[np.float64],
    level_db: NDArray[np.float64],
    num_samples: int,
    rate: int,
) -> NDArray[np.float32]:
    """Gaussian noise of a given spectrum, periodic: (num_samples,), mean power 1.

    Its levels are given in dB at some frequencies; it has none outside of them.
    """
    spectrum = np.zeros(num_samples // 2 + 1, dtype=np.complex64)
    first, last = (round(hz * num_samples / rate) for hz in (knots_hz[0], knots_hz[-1]))
    last = min(last, num_samples // 2)
    noise = rng.standard_normal(2 * (last - first), dtype=np.float32).view(np.complex64)
    bins_hz = np.arange(first, last, dtype=np.float32) * np.float32(rate / num_samples)
    spectrum[first:last] = noise * np.interp(bins_hz, knots_hz, 10 ** (level_db / 20)).astype("f4")
    waveform = np.fft.irfft(spectrum, num_samples).astype(np.float32, copy=False)
    return waveform / np.sqrt(np.mean(np.square(waveform)))


def _drift(
    rng: np.random.Generator, waveform: NDArray[np.float32], spread_db: float
) -> NDArray[np.float32]:
    """The waveform with a level that wanders over seconds, by about `spread_db` to either side."""
    num_steps = -(-len(waveform) // STEP_SAMPLES)
    knots = rng.normal(0.0, spread_db, max(2, num_steps // 300) + 1)
    level_db = np.interp(
        np.linspace(0.0, len(knots) - 1.0, num_steps), np.arange(len(knots)), knots
    )
    gain = (10 ** (level_db / 20)).astype(np.float32)
    return waveform * np.repeat(gain, STEP_SAMPLES)[: len(waveform)]


def _gain(level_db: float) -> np.float32:
    return np.float32(10 ** (level_db / 20))
