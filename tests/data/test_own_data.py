"""The examples of docs/own_data.md are read, and all label the same calls."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

from own_tables import load
from rfcx_audio.config import load_config
from rfcx_audio.data.table_columns import ALIASES
from rfcx_audio.experiment import settle
from test_docs import commands

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "own_data.md").read_text()
EXAMPLES = dict(re.findall(r"^```\w+ (\S+)\n(.*?)^```$", PAGE, re.DOTALL | re.M))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "dawn.wav", np.zeros(8 * 8000), 8000)
    return tmp_path


def test_the_page_has_an_example_of_each_form() -> None:
    assert len(EXAMPLES) == 7


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_labels_the_two_calls(folder: Path, name: str) -> None:
    (folder / name).write_text(EXAMPLES[name])
    rows = load(folder).usable
    calls = rows[["recording_id", "species_id", "t_min", "t_max"]].to_numpy().tolist()
    assert calls == [["dawn", 1, 1.0, 2.0], ["dawn", 0, 4.0, 4.8]]  # Frog is 0, Owl 1
    bands = rows.loc[~rows["whole_band"], ["f_min", "f_max"]].to_numpy().tolist()
    assert bands == [[300.0, 900.0], [2400.0, 3600.0]][: len(bands)]


def test_the_example_of_species_has_other_names_for_those_of_the_tables(folder: Path) -> None:
    [table] = re.findall(r"^```\n(species,.*?)^```$", PAGE, re.DOTALL | re.M)
    (folder / "species.csv").write_text(table)
    (folder / "calls.csv").write_text(EXAMPLES["calls.csv"])
    config = load_config("train", ["data=table", f"data.root={folder}"])
    species = settle(config).data
    assert list(species.species) == ["Frog", "Owl"]
    assert species.other_names["Owl"] == {
        "scientific_name": "Strix aluco",
        "common_name": "Tawny owl",
    }


def test_every_field_is_explained() -> None:
    table = PAGE.partition("## Fields")[2].partition("## How")[0]
    explained = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\|(.*?)\|", table, re.M))))
    assert explained == set(ALIASES)


def test_the_commands_compose() -> None:
    composed = [load_config(verb, words) for verb, words in commands("docs/own_data.md")]
    assert str(composed[0].data.source.root) == "FOLDER"


def test_the_messages_are_those_of_the_library() -> None:
    source = "".join(path.read_text() for path in (ROOT / "src/rfcx_audio/data").glob("*.py"))
    joined = re.sub(r'"\s*\n\s*f?"', "", source)
    table = PAGE.partition("## What is refused")[2].partition("All faults")[0]
    messages = re.findall(r"^\| `(.*?)` \|", table, re.MULTILINE)
    assert len(messages) == 9
    for message in messages:
        for part in re.split(r"…|\(…\)|'.*?'|t_max", message):
            assert part.strip() in joined, message
