from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from rfcx_audio.data import AnnotationError, number_species, read_species


def test_species_are_numbered_by_name_unless_they_are_numbers() -> None:
    assert number_species(pd.Series(["b", "10", "a", "b"])) == {"10": 0, "a": 1, "b": 2}
    assert number_species(pd.Series(["10", "2", "2"])) == {"10": 10, "2": 2}
    assert number_species(pd.Series(["s10", "s2"])) == {"s10": 10, "s2": 2}


def test_several_names_may_share_a_number(tmp_path: Path) -> None:
    path = tmp_path / "species.csv"
    path.write_text('species,species_id\n"Owl, little",1\nFrog,0\nAthene noctua,1\n')
    assert read_species(path, 2) == {"Owl, little": 1, "Frog": 0, "Athene noctua": 1}


def test_a_spreadsheet_may_write_semicolons(tmp_path: Path) -> None:
    path = tmp_path / "species.csv"
    path.write_text("species;species_id\nOwl, little;1\nFrog;0\n")
    assert read_species(path, 2) == {"Owl, little": 1, "Frog": 0}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("species\nOwl\n", r"line 1 lacks the column\(s\) species_id"),
        ("species,species_id\nOwl,0\nFrog,x\n", "line 3: species_id 'x' is no number from 0 to 1"),
        ("species,species_id\nOwl,0\nFrog,2\n", "line 3: species_id '2' is no number from 0 to 1"),
        ("species,species_id\nOwl,0\nOwl,1\n", "line 3: species 'Owl' is empty or stands there"),
        ("species,species_id\nOwl,0\n", r"1 species \('Owl'\).* set data.num_species=1"),
        ("species,species_id\nOwl,1\n", "give every number from 0 on"),
    ],
)
def test_wrong_numbers_of_species_are_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "species.csv"
    path.write_text(text)
    with pytest.raises(AnnotationError, match=words):
        read_species(path, 2)


def test_two_names_of_one_number_are_refused() -> None:
    with pytest.raises(AnnotationError, match=r"'007' and '7' are the same number.*species.csv"):
        number_species(pd.Series(["007", "7", "8"]))
