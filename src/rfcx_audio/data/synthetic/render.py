"""From the plan of a recording to its waveform."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rfcx_audio.data.synthetic.background import band_power, draw_background
from rfcx_audio.data.synthetic.call import burst_waveform, call_waveform
from rfcx_audio.data.synthetic.recipe import Rainforest
from rfcx_audio.data.synthetic.scene import Scene, Sound
from rfcx_audio.data.synthetic.streams import generator

PEAK = 0.98  # of full scale; a louder recording is turned down as a whole


def render(scene: Scene, recipe: Rainforest) -> NDArray[np.float32]:
    """The recording that a scene describes.

    Each sound has the power which its caller's SNR asks for: over its box, against the mean power
    of this recording's background in the box's band.

    Returns:
        (samples,) in [-PEAK, PEAK].
    """
    num_samples = round(recipe.duration_s * recipe.sample_rate)
    rng = generator(recipe.seed, f"background of {scene.split}", scene.number)
    waveform = draw_background(rng, num_samples, recipe.sample_rate, recipe.weather)
    bands = np.array([[s.box.f_min, s.box.f_max] for s in scene.sounds]).reshape(-1, 2)
    noise_power = band_power(waveform, bands[:, 0], bands[:, 1], recipe.sample_rate)
    for order, (sound, power) in enumerate(zip(scene.sounds, noise_power, strict=True)):
        rng = generator(recipe.seed, f"sounds of {scene.split}", scene.number, order)
        first = round(sound.t_min * recipe.sample_rate)
        last = min(first + round(sound.box.duration_s * recipe.sample_rate), num_samples)
        amplitude = np.sqrt(power * 10 ** (sound.caller.snr_db / 10))
        waveform[first:last] += np.float32(amplitude) * _unit(rng, sound, recipe)[: last - first]
    peak = float(np.max(np.abs(waveform)))
    return waveform * np.float32(PEAK / peak) if peak > PEAK else waveform


def _unit(rng: np.random.Generator, sound: Sound, recipe: Rainforest) -> NDArray[np.float32]:
    """A sound over its box, mean power 1."""
    if sound.voice is None:
        return burst_waveform(rng, sound.box, recipe.sample_rate)
    return call_waveform(rng, sound.voice, sound.box, sound.caller, recipe.sample_rate)
