from __future__ import annotations

from pathlib import Path

import pytest

from rfcx_audio.data import AnnotationError, SpeciesNames, read_species_names, write_species_names
from rfcx_audio.data.species_names import names_of


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    names = ("Río frog", "Owl: small", "O'Brien's wren, the")
    species = SpeciesNames(names, {"Owl: small": {"scientific_name": "Otus minimus"}})
    write_species_names(species, tmp_path / "run" / "species.csv")
    assert read_species_names(tmp_path / "run" / "species.csv", None) == species
    plain = SpeciesNames(("s0", "s1"))
    write_species_names(plain, tmp_path / "plain.csv")
    assert (tmp_path / "plain.csv").read_text() == "species,species_id\ns0,0\ns1,1\n"


def test_the_first_of_several_names_counts_and_gaps_have_their_number() -> None:
    assert names_of({"Owl": 2, "Small owl": 2, "Wren": 0}, 4) == ("Wren", "s1", "Owl", "s3")


def test_a_gap_between_the_numbers_of_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "species.csv").write_text("species,species_id\nOwl,0\nWren,2147483646\n")
    with pytest.raises(AnnotationError, match=r"2 species .*up to 2147483646, and none of them 1;"):
        read_species_names(tmp_path / "species.csv", None)


def test_it_reads_as_its_number_and_first_names() -> None:
    assert str(SpeciesNames(tuple("abcdefghijk"))) == "11 species: a, b, c, d, e, f, g, h, …"
