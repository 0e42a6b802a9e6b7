from __future__ import annotations

from pathlib import Path

import pytest

from rfcx_audio.scores import read_by_species


def test_names_are_text_whatever_they_look_like(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text("species,species_id,estimate\n007,0,0.1\nNA,1,\nOwl,2,0.3\n")
    table = read_by_species(path, ("Owl", "NA", "007"))
    assert table["species"].to_list() == ["Owl", "NA", "007"]
    assert table["estimate"].to_numpy() == pytest.approx([0.3, float("nan"), 0.1], nan_ok=True)
    assert table["estimate"].dtype == float


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("name,estimate\nOwl,0.1\n", "has the columns .*'name', 'estimate'.*; expected species"),
        ("species,estimate\nOwl,0.1\nOwl,0.2\n", "it has 2; not once there: 'Owl', 'Bat'"),
        ("species_id,estimate\n0,0.1\n1,0.2\n2,0.3\n", "each of the 2 species, it has 3$"),
    ],
)
def test_a_table_of_other_species_is_refused(tmp_path: Path, lines: str, message: str) -> None:
    (tmp_path / "p.csv").write_text(lines)
    with pytest.raises(ValueError, match=message):
        read_by_species(tmp_path / "p.csv", ("Owl", "Bat"))
