from __future__ import annotations

import pytest

from rfcx_audio.data import rfcx_templates
from rfcx_audio.data.synthetic import Rainforest, songs_of


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"num_train": 100}, "672 recordings are needed .* raise num_train"),
        ({"tp_per_species": 0, "num_train": 20}, "at most one FP row a recording"),
        ({"num_test": -1}, "0 or more"),
        ({"species_per_recording": 0.1}, "between 0.6 and 22.1"),
        ({"skew": -1.0}, "skew and near_misses"),
        ({"near_misses": -1.0}, "skew and near_misses"),
        ({"call_gap_s": (0.0, 3.0)}, "call_gap_s"),
        ({"snr_db": (24.0, 6.0)}, "snr_db"),
        ({"species": 1}, "2 or more, or null for RFCX's"),
        ({"species": 40}, "1120 recordings are needed for the TP rows of 40 species"),
        ({"drift": -0.1}, "further_songs, pitch_spread, drift"),
        ({"band_width": 0.0}, "band_width"),
    ],
)
def test_the_error_of_an_impossible_recipe_names_what_to_change(changed, message):
    with pytest.raises(ValueError, match=message):
        Rainforest(**changed)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"duration_s": 5.0}, "takes 7.924 s; raise duration_s"),
        ({"sample_rate": 22_050}, "13687.5 Hz; raise sample_rate"),
    ],
)
def test_songs_that_do_not_fit_the_recordings_are_refused(changed, message):
    songs = songs_of(rfcx_templates())
    Rainforest().check_songs(songs)
    with pytest.raises(ValueError, match=message):
        Rainforest(**changed).check_songs(songs)


def test_templates_of_other_classes_are_refused():
    templates = rfcx_templates()
    fewer = songs_of(templates[templates["species_id"] != 5])
    with pytest.raises(ValueError, match=r"of the species 0 to 23; they are of .* 4, 6,"):
        Rainforest().check_songs(fewer)
