from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rfcx_audio.data.synthetic import box_templates, call_templates
from rfcx_audio.data.synthetic.templates import Template, songs_of

EDGES = st.tuples(st.floats(0, 20_000), st.floats(1, 20_000)).map(lambda e: (e[0], e[0] + e[1]))


def test_the_figures_are_those_of_the_real_tables():
    table = box_templates()
    assert list(table) == [
        *("species_id", "songtype_id", "f_min", "f_max", "duration_s", "n_tp", "n_fp")
    ]
    assert len(table) == 37
    assert (table.n_tp.sum(), table.n_fp.sum()) == (1216, 7781)
    assert (table.f_min.min(), table.f_max.max()) == (93.75, 13687.5)


def test_every_class_has_one_of_its_own_templates():
    table = box_templates()
    known = set(table[list(Template._fields)].itertuples(index=False, name=None))
    assert known.issuperset(call_templates())
    classes = [(song.species_id, song.songtype_id) for song in call_templates()]
    assert len(classes) == len(set(classes)) == 26
    assert {species for species, songtype in classes if songtype == 4} == {16, 17, 23}


def test_a_class_keeps_the_template_with_most_confirmed_rows():
    (song,) = songs_of(14)
    assert (song.f_min, song.f_max, song.duration_s) == (2812.5, 4406.25, 0.923)


def test_only_two_species_have_two_songs():
    assert [species for species in range(24) if len(songs_of(species)) == 2] == [17, 23]


@given(EDGES, EDGES)
def test_overlap_is_the_shared_part_of_the_own_band(mine, other):
    band, heard = Template(0, 1, *mine, 1.0), Template(1, 1, *other, 1.0)
    assert 0.0 <= band.overlap(heard) <= 1.0
    assert band.overlap(band) == 1.0
    assert (band.overlap(heard) == 0.0) == (heard.overlap(band) == 0.0)
