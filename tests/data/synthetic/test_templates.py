from __future__ import annotations

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from rfcx_audio.data import rfcx_templates
from rfcx_audio.data.synthetic import Template, songs_of

EDGES = st.tuples(st.floats(0, 20_000), st.floats(1, 20_000)).map(lambda e: (e[0], e[0] + e[1]))
SONGS = songs_of(rfcx_templates())


def test_every_class_has_one_of_its_own_templates():
    table = rfcx_templates()
    known = set(table[list(Template._fields)].itertuples(index=False, name=None))
    songs = [song for several in SONGS.values() for song in several]
    assert known.issuperset(songs)
    classes = [(song.species_id, song.songtype_id) for song in songs]
    assert classes == sorted(set(classes))
    assert len(classes) == 26
    assert {species for species, songtype in classes if songtype == 4} == {16, 17, 23}


def test_a_class_keeps_the_template_with_most_confirmed_rows():
    (song,) = SONGS[14]
    assert (song.f_min, song.f_max, song.duration_s) == (2812.5, 4406.25, 0.923)


def test_only_two_species_have_two_songs():
    assert [species for species in range(24) if len(SONGS[species]) == 2] == [17, 23]


def test_templates_of_others_have_songs_too():
    table = pd.DataFrame(
        {
            "species_id": [1, 0, 1],
            "songtype_id": [1, 1, 1],
            "f_min": [10, 20, 30],
            "f_max": [50, 60, 70],
            "duration_s": [1, 2, 3],
            "n_tp": [4, 0, 5],
        }
    )
    assert songs_of(table) == {0: (Template(0, 1, 20, 60, 2),), 1: (Template(1, 1, 30, 70, 3),)}


@given(EDGES, EDGES)
def test_overlap_is_the_shared_part_of_the_own_band(mine, other):
    band, second = Template(0, 1, *mine, 1.0), Template(1, 1, *other, 1.0)
    assert 0.0 <= band.overlap(second) <= 1.0
    assert band.overlap(band) == 1.0
    assert (band.overlap(second) == 0.0) == (second.overlap(band) == 0.0)
