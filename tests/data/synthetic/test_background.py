from __future__ import annotations

import numpy as np
import pytest

from rfcx_audio.data.synthetic.background import band_power, draw_background

RATE = 32_000


def backgrounds(number, seconds=6.0):
    return [
        draw_background(np.random.default_rng(seed), round(seconds * RATE), RATE)
        for seed in range(number)
    ]


def test_white_noise_has_power_in_proportion_to_the_band():
    noise = np.random.default_rng(0).standard_normal(20 * RATE, dtype=np.float32)
    f_min, f_max = np.array([0.0, 1000.0, 5000.0]), np.array([16_000.0, 3000.0, 5500.0])
    expected = (f_max - f_min) / (0.5 * RATE)
    np.testing.assert_allclose(band_power(noise, f_min, f_max, RATE), expected, rtol=0.05)


def test_a_tone_has_its_power_in_the_band_that_holds_it():
    tone = np.sin(2 * np.pi * 2000 * np.arange(10 * RATE) / RATE).astype(np.float32)
    power = band_power(tone, np.array([1500.0, 3000.0]), np.array([2500.0, 4000.0]), RATE)
    np.testing.assert_allclose(power, [0.5, 0.0], atol=1e-3)


def test_the_same_generator_gives_the_same_background():
    first, again = (draw_background(np.random.default_rng(5), 3 * RATE, RATE) for _ in range(2))
    assert first.dtype == np.float32
    np.testing.assert_array_equal(first, again)


def test_backgrounds_are_never_silent_and_vary_in_level_and_colour():
    drawn = backgrounds(24)
    level_db = 10 * np.log10([np.mean(np.square(waveform)) for waveform in drawn])
    assert -55 < level_db.min() < level_db.max() < -20
    assert np.std(level_db) > 2
    edges = np.array([500.0, 4000.0])
    low, high = np.array([band_power(w, edges, 2 * edges, RATE) for w in drawn]).T
    assert low.min() > 0 and high.min() > 0
    assert np.std(10 * np.log10(low / high)) > 3


def test_two_recordings_share_no_background():
    first, other = backgrounds(2)
    assert abs(np.corrcoef(first, other)[0, 1]) < 0.1


@pytest.mark.parametrize("num_samples", [RATE * 8, RATE * 8 + 1, 300_001])
def test_any_length_is_possible(num_samples):
    assert len(draw_background(np.random.default_rng(1), num_samples, RATE)) == num_samples
