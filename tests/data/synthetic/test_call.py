from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rfcx_audio.data import rfcx_templates
from rfcx_audio.data.synthetic import songs_of
from rfcx_audio.data.synthetic.call import burst_waveform, call_waveform, draw_caller
from rfcx_audio.data.synthetic.voices import VOICES, near_misses

RATE = 32_000
TEMPLATES = [song for several in songs_of(rfcx_templates()).values() for song in several]
SONGS = {f"{song.species_id}-{song.songtype_id}": song for song in TEMPLATES}


def in_band(waveform, song):
    power = np.abs(np.fft.rfft(waveform)) ** 2
    hertz = np.fft.rfftfreq(len(waveform), 1 / RATE)
    return power[(hertz >= song.f_min) & (hertz <= song.f_max)].sum() / power.sum()


def call(song, voice, seed):
    rng = np.random.default_rng(seed)
    caller = draw_caller(rng, "caller", (6.0, 24.0))
    return call_waveform(rng, voice, song, caller, RATE)


@pytest.mark.parametrize("song", SONGS.values(), ids=SONGS)
def test_a_call_fills_its_box_and_stays_in_its_band(song):
    for seed in range(3):
        waveform = call(song, VOICES[song.species_id, song.songtype_id], seed)
        assert waveform.dtype == np.float32
        assert len(waveform) == round(song.duration_s * RATE)
        assert np.mean(np.square(waveform)) == pytest.approx(1.0, abs=1e-4)
        assert in_band(waveform, song) > 0.97
        sounding = np.flatnonzero(waveform)
        assert 0.7 * len(waveform) < sounding[-1] - sounding[0] < len(waveform)


@pytest.mark.parametrize("song", SONGS.values(), ids=SONGS)
def test_a_near_miss_lies_in_the_same_box(song):
    for seed, voice in enumerate(near_misses(VOICES[song.species_id, song.songtype_id])):
        assert in_band(call(song, voice, seed), song) > 0.9


@pytest.mark.parametrize("song", SONGS.values(), ids=SONGS)
def test_a_burst_lies_in_the_same_box(song):
    waveform = burst_waveform(np.random.default_rng(0), song, RATE)
    assert len(waveform) == round(song.duration_s * RATE)
    assert np.mean(np.square(waveform)) == pytest.approx(1.0, abs=1e-4)
    assert in_band(waveform, song) > 0.97


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(TEMPLATES), st.integers(0, 2**32))
def test_a_call_depends_on_nothing_but_its_generator(song, seed):
    voice = VOICES[song.species_id, song.songtype_id]
    first, again, other = (call(song, voice, s) for s in (seed, seed, seed + 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_individuals_differ_and_have_the_snr_that_was_asked():
    rng = np.random.default_rng(0)
    callers = [draw_caller(rng, str(number), (6.0, 24.0)) for number in range(400)]
    snr_db = np.array([caller.snr_db for caller in callers])
    assert 6.0 <= snr_db.min() < 7.0
    assert 23.0 < snr_db.max() <= 24.0
    assert snr_db.mean() == pytest.approx(15.0, abs=1.0)
    assert len({caller.pitch for caller in callers}) == 400
