from __future__ import annotations

import numpy as np
import pytest

from rfcx_audio.data import rfcx_templates
from rfcx_audio.data.synthetic import Rainforest, render, songs_of
from rfcx_audio.data.synthetic.render import PEAK
from rfcx_audio.data.synthetic.scene import Scene, draw_sounds

RECIPE = Rainforest(duration_s=10.0, near_misses=3.0)


def scenes():
    """One scene for each kind of sound of each class, alone in its recording."""
    rng = np.random.default_rng(0)
    sounds = draw_sounds(
        rng, RECIPE, songs_of(rfcx_templates()), "abc", np.ones(24, dtype=bool), None
    )
    first = {(s.kind, s.template): s for s in sounds}
    return [
        Scene("train", number, "abc", None, (sound,)) for number, sound in enumerate(first.values())
    ]


def band_power(waveform, song, sample_rate):
    power = np.abs(np.fft.rfft(waveform.astype(float))) ** 2
    hertz = np.fft.rfftfreq(len(waveform), 1 / sample_rate)
    inside = (hertz >= song.f_min) & (hertz < song.f_max)
    return 2 * power[inside].sum() / len(waveform) ** 2


@pytest.mark.parametrize("scene", scenes()[::2], ids=lambda s: f"{s.sounds[0].kind}-{s.number}")
def test_the_snr_is_the_one_asked(scene):
    (sound,) = scene.sounds
    with_it, without = render(scene, RECIPE), render(scene._replace(sounds=()), RECIPE)
    if np.abs(with_it).max() > PEAK - 1e-3:
        pytest.skip("turned down as a whole")
    box = slice(*(round(t * RECIPE.sample_rate) for t in (sound.t_min, sound.t_max)))
    signal = band_power((with_it - without)[box], sound.template, RECIPE.sample_rate)
    noise = band_power(without, sound.template, RECIPE.sample_rate)
    assert 10 * np.log10(signal / noise) == pytest.approx(sound.caller.snr_db, abs=0.6)


def test_a_sound_has_energy_in_its_box_only():
    scene = scenes()[3]
    (sound,) = scene.sounds
    extra = render(scene, RECIPE) - render(scene._replace(sounds=()), RECIPE)
    first, last = np.flatnonzero(np.abs(extra) > 1e-6)[[0, -1]] / RECIPE.sample_rate
    assert sound.t_min <= first < last <= sound.t_max


def test_no_recording_clips_and_loud_ones_are_turned_down_as_a_whole():
    loud, louder = (
        scene._replace(sounds=(sound._replace(caller=sound.caller._replace(snr_db=snr_db)),))
        for scene in scenes()[:1]
        for sound in scene.sounds
        for snr_db in (80.0, 100.0)
    )
    waveform = render(loud, RECIPE)
    assert np.abs(waveform).max() == pytest.approx(PEAK, abs=1e-5)
    background = slice(0, round(0.9 * loud.sounds[0].t_min * RECIPE.sample_rate))
    fainter = render(louder, RECIPE)[background] / waveform[background]
    np.testing.assert_allclose(fainter, 0.1, rtol=0.01)


def test_a_recording_is_the_same_whatever_was_rendered_before():
    first, second = scenes()[:2]
    alone = render(second, RECIPE)
    render(first, RECIPE)
    np.testing.assert_array_equal(alone, render(second, RECIPE))


def test_the_same_number_in_train_and_test_has_another_background():
    train = Scene("train", 0, "abc", None, ())
    test = Scene("test", 0, "abc", None, ())
    correlation = np.corrcoef(render(train, RECIPE), render(test, RECIPE))[0, 1]
    assert abs(correlation) < 0.05


@pytest.mark.parametrize("sample_rate", [32_000, 48_000])
def test_a_recording_has_exactly_its_duration(sample_rate):
    recipe = Rainforest(duration_s=9.5, sample_rate=sample_rate)
    waveform = render(scenes()[0], recipe)
    assert waveform.dtype == np.float32
    assert len(waveform) == 9.5 * sample_rate
