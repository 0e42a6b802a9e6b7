from __future__ import annotations

from dataclasses import fields

import pytest

from rfcx_audio.data import rfcx_templates
from rfcx_audio.data.synthetic import songs_of
from rfcx_audio.data.synthetic.voices import VOICES, Voice, near_misses

CLASSES = [
    (song.species_id, song.songtype_id)
    for several in songs_of(rfcx_templates()).values()
    for song in several
]


def test_every_class_has_a_voice_of_its_own():
    assert sorted(VOICES) == sorted(CLASSES)
    assert len(set(VOICES.values())) == len(CLASSES)


@pytest.mark.parametrize("voice", VOICES.values(), ids=map(str, VOICES))
def test_near_misses_differ_from_the_voice_and_from_each_other(voice):
    misses = near_misses(voice)
    assert len(misses) >= 2
    assert voice not in misses
    assert len(set(misses)) == len(misses)


@pytest.mark.parametrize("voice", VOICES.values(), ids=map(str, VOICES))
def test_a_near_miss_changes_one_trait_or_runs_backwards(voice):
    for miss in near_misses(voice):
        changed = [f.name for f in fields(Voice) if getattr(miss, f.name) != getattr(voice, f.name)]
        assert len(changed) == 1 or changed == ["contours", "accel"]


def test_no_near_miss_of_a_voice_is_the_voice_of_another_class():
    voices = set(VOICES.values())
    assert not any(voices & set(near_misses(voice)) for voice in voices)
