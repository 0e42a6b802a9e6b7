from __future__ import annotations

import pandas as pd
import pytest

from rfcx_audio.data import rfcx_templates, species_bands, species_classes


def test_a_class_is_the_union_of_its_templates_with_padding() -> None:
    templates = pd.DataFrame(
        {
            "species_id": [0, 0, 0, 1],
            "songtype_id": [1, 1, 4, 1],
            "f_min": [500.0, 400.0, 900.0, 100.0],
            "f_max": [800.0, 700.0, 950.0, 200.0],
            "duration_s": [1.0, 2.0, 0.5, 3.0],
        }
    )
    classes = species_classes(150.0, 0.5, templates)
    assert classes == species_classes(150.0, 0.5, templates.to_dict("records"))  # as from YAML
    assert classes == [
        (0, 1, 250.0, 950.0, 2.5),
        (0, 4, 750.0, 1100.0, 1.0),
        (1, 1, 0.0, 350.0, 3.5),
    ]


def test_the_tables_have_26_classes_of_24_species() -> None:
    classes = species_classes(templates=rfcx_templates())
    assert classes == species_classes()
    assert len(classes) == 26
    assert {one.species_id for one in classes} == set(range(24))
    two_songs = [one.species_id for one in classes if one.songtype_id == 4]
    assert two_songs == [16, 17, 23]
    assert max(one.duration_s for one in classes) == pytest.approx(7.924 + 0.3)


def test_a_species_band_is_the_union_of_its_boxes() -> None:
    rows = pd.DataFrame(
        {
            "species_id": [2, 0, 2, 2],
            "songtype_id": [1, 1, 4, 4],
            "f_min": [100.0, 50.0, 300.0, 300.0],
            "f_max": [200.0, 60.0, 400.0, 350.0],
        }
    )
    assert species_bands(rows).to_numpy().tolist() == [[0, 1, 50, 60], [2, 4, 100, 400]]


def test_templates_without_bands_are_refused() -> None:
    with pytest.raises(ValueError, match=r"lack the column\(s\) f_max, duration_s"):
        species_classes(templates=[{"species_id": 0, "songtype_id": 1, "f_min": 100.0}])
