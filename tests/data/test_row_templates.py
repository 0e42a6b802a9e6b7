from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from rfcx_audio.data import row_templates, species_classes, with_every_species


def rows(boxes: list[tuple[float, float]], species: int = 0, **more: object) -> pd.DataFrame:
    """Rows of one second with lower and upper edges in Hz."""
    table = pd.DataFrame(boxes, columns=["f_min", "f_max"])
    table = table.assign(species_id=species, songtype_id=1, present=True, t_min=2.0, t_max=3.0)
    return table.assign(**more)


def test_a_group_reaches_from_quantile_to_quantile() -> None:
    rng = np.random.default_rng(0)
    low, high = rng.uniform(1000, 1200, 400), rng.uniform(2000, 2300, 400)
    table = rows(list(zip(low, high, strict=True)))
    table.loc[:2, ["f_min", "f_max"]] = [20.0, 20_000.0]  # three of four hundred are elsewhere
    (found,) = row_templates(table).to_dict("records")
    assert found["f_min"] == pytest.approx(np.quantile(table["f_min"], 0.05))
    assert found["f_max"] == pytest.approx(np.quantile(table["f_max"], 0.95))
    assert 1000 < found["f_min"] < found["f_max"] < 2300
    assert found["duration_s"] == pytest.approx(1.0)


def test_rows_in_two_bands_give_two_templates_and_two_classes() -> None:
    low, high = [(300.0, 600.0)] * 6, [(5000.0, 8000.0)] * 5
    found = row_templates(rows(low + high))
    assert found[["group", "f_min", "f_max"]].to_numpy().tolist() == [
        [0, 300, 600],
        [1, 5000, 8000],
    ]
    classes = species_classes(100.0, 0.2, found.to_dict("records"))
    assert [(one.f_min, one.f_max) for one in classes] == [(200, 700), (4900, 8100)]
    assert row_templates(rows(low + high), spread_octaves=20.0)["f_max"].tolist() == [8000.0]


def test_no_two_edges_of_a_group_differ_by_more_than_the_spread() -> None:
    rng = np.random.default_rng(1)
    low = 100 * 2 ** rng.uniform(0, 6, 300)
    found = row_templates(rows(list(zip(low, 2 * low, strict=True))), 0.0, 1.0, 0.0)
    assert len(found) > 2
    assert (found["f_max"] + 700 <= 2 * (2 * found["f_min"] + 700) + 1e-6).all()


def test_confirmed_rows_decide_and_ruled_out_ones_stand_in() -> None:
    confirmed, refuted = rows([(1000.0, 2000.0)]), rows([(100.0, 9000.0)], present=False)
    other = rows([(400.0, 500.0)], species=1, present=False)
    found = row_templates(pd.concat([confirmed, refuted, other], ignore_index=True))
    assert found[["species_id", "f_min", "f_max"]].to_numpy().tolist() == [
        [0, 1000, 2000],
        [1, 400, 500],
    ]


def test_rows_without_frequencies_have_no_part_and_their_species_the_whole_band() -> None:
    stated = rows([(1000.0, 2000.0), (1000.0, 2000.0)], whole_band=False)
    silent = rows([(0.0, 24_000.0)], species=2, whole_band=True)
    found = row_templates(pd.concat([stated, silent], ignore_index=True))
    assert found["species_id"].tolist() == [0]
    complete, missing = with_every_species(found, 3, 60.0, 15_000.0)
    assert missing == [1, 2]
    assert complete["species_id"].tolist() == [0, 1, 2]
    assert complete["f_max"].tolist() == [2000, 15_000, 15_000]
    assert with_every_species(row_templates(silent), 1, 50.0, 90.0)[0]["f_min"].tolist() == [50.0]


def test_many_rows_of_one_song_are_compared_on_a_part_of_them() -> None:
    boxes = [(300.0, 600.0)] * 3000 + [(5000.0, 8000.0)] * 3000
    assert row_templates(rows(boxes))["f_min"].tolist() == [300.0, 5000.0]


@pytest.mark.parametrize("wrong", [{"quantile": 0.5}, {"spread_octaves": 0}, {"min_share": 0.6}])
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="quantile"):
        row_templates(rows([(1.0, 2.0)]), **wrong)
