from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rfcx_audio.data import rfcx_templates
from rfcx_audio.data.synthetic import Rainforest, songs_of
from rfcx_audio.data.synthetic.scene import draw_sounds
from rfcx_audio.data.synthetic.voices import VOICES, near_misses

SONGS = songs_of(rfcx_templates())
TEMPLATES = [song for several in SONGS.values() for song in several]
RECIPE = Rainforest(near_misses=3.0)
NO_SPECIES = np.zeros(24, dtype=bool)


def sounds_of(seed=0, recipe=RECIPE, present=NO_SPECIES, focal=None):
    return draw_sounds(np.random.default_rng(seed), recipe, SONGS, "abc", present, focal)


def by_caller(sounds):
    names = dict.fromkeys(sound.caller.name for sound in sounds)
    return [[sound for sound in sounds if sound.caller.name == name] for name in names]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([8.0, 12.0, 60.0]))
def test_every_sound_lies_in_the_recording_and_no_caller_overlaps_itself(seed, duration_s):
    recipe = Rainforest(duration_s=duration_s, near_misses=4.0)
    sounds = sounds_of(seed, recipe, ~NO_SPECIES)
    assert {s.template.species_id for s in sounds if s.kind == "call"} == set(range(24))
    for sound in sounds:
        assert 0.0 <= sound.t_min < sound.t_max <= duration_s + 1e-9
    for series in by_caller(sounds):
        for sound, following in pairwise(series):
            assert sound.t_max < following.t_min


def test_only_present_species_call_and_one_or_two_of_each():
    present = NO_SPECIES.copy()
    present[[3, 8]] = True
    callers = [
        series[0] for seed in range(60) for series in by_caller(sounds_of(seed, RECIPE, present))
    ]
    calling = [first.template.species_id for first in callers if first.kind == "call"]
    assert set(calling) == {3, 8}
    assert calling.count(3) / 60 == pytest.approx(1.5, abs=0.25)


def test_callers_repeat_themselves_within_the_range_that_was_asked():
    present = NO_SPECIES.copy()
    present[3] = True
    mean_gaps = [
        np.diff([sound.t_min for sound in series]).mean()
        for seed in range(60)
        for series in by_caller(sounds_of(seed, Rainforest(near_misses=0.0), present))
        if series[0].kind == "call" and len(series) > 1
    ]
    assert 2.4 < min(mean_gaps) < 5
    assert 15 < max(mean_gaps) < 24
    assert 6 < np.mean(mean_gaps) < 12


def test_every_sound_has_the_voice_of_its_kind():
    for seed in range(20):
        for sound in sounds_of(seed, RECIPE, ~NO_SPECIES):
            own = VOICES[sound.template.species_id, sound.template.songtype_id]
            if sound.kind == "call":
                assert sound.voice == own
            elif sound.kind == "near_miss":
                assert sound.voice in near_misses(own)
            else:
                assert sound.voice is None


@pytest.mark.parametrize("rate", [0.0, 0.5, 4.0])
def test_near_misses_are_as_many_as_asked(rate):
    recipe = Rainforest(near_misses=rate)
    callers = [series for seed in range(200) for series in by_caller(sounds_of(seed, recipe))]
    misses = sum(series[0].kind == "near_miss" for series in callers)
    assert misses / 200 == pytest.approx(rate, abs=0.4)


@pytest.mark.parametrize("song", TEMPLATES, ids=lambda s: f"{s.species_id}-{s.songtype_id}")
def test_the_focal_song_is_always_sung(song):
    for seed in range(3):
        sounds = sounds_of(seed, RECIPE, NO_SPECIES, focal=song)
        assert any(s.kind == "call" and s.template == song for s in sounds)
        callers = {s.caller.name for s in sounds if s.kind == "call"}
        assert len(callers) in (1, 2)


def test_snr_is_one_of_a_caller_and_in_the_range_that_was_asked():
    for series in by_caller(sounds_of(0, Rainforest(snr_db=(1.0, 2.0)), ~NO_SPECIES)):
        (snr_db,) = {sound.caller.snr_db for sound in series}
        assert 1.0 <= snr_db <= 2.0
