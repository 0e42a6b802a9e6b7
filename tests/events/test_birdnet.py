from __future__ import annotations

from pathlib import Path

import pandas as pd

from rfcx_audio.events import birdnet_selections, birdnet_table, raven_table
from rfcx_audio.events.birdnet import RESULT_COLUMNS, SELECTION_COLUMNS

EVENTS = pd.DataFrame(
    {
        "recording_id": ["a", "b"],
        "species": ["Little Owl", 'Frog "B", small'],
        "t_min": [1.0, 2.0],
        "t_max": [2.5, 3.0],
        "f_min": [300.0, 900.0],
        "f_max": [800.0, 4000.0],
        "score": [0.75, 0.5],
    }
)
PATHS = {"a": Path("/audio/a.wav"), "b": Path("/audio/b.flac")}


def test_results_have_the_columns_of_birdnet() -> None:
    table = birdnet_table(EVENTS, PATHS, {})
    assert tuple(table) == RESULT_COLUMNS
    assert table.to_numpy().tolist() == [
        [1.0, 2.5, "Little Owl", "Little Owl", 0.75, "/audio/a.wav"],
        [2.0, 3.0, 'Frog "B", small', 'Frog "B", small', 0.5, "/audio/b.flac"],
    ]


def test_selections_are_those_of_raven_in_the_columns_of_birdnet() -> None:
    raven = raven_table(EVENTS, PATHS, {"a": 0.0, "b": 60.0})
    table = birdnet_selections(raven, {})
    assert tuple(table) == SELECTION_COLUMNS
    assert table["Begin Time (s)"].to_list() == [1.0, 62.0]
    assert table["File Offset (s)"].to_list() == [1.0, 2.0]
    assert table["Common Name"].to_list() == EVENTS["species"].to_list()
    assert table["Confidence"].to_list() == [0.75, 0.5]


def test_other_names_are_used_where_they_are_known() -> None:
    others = {"Little Owl": {"scientific_name": "Athene noctua", "common_name": "Steinkauz"}}
    names = birdnet_table(EVENTS, PATHS, others)[["Scientific name", "Common name"]]
    assert names.to_numpy().tolist() == [["Athene noctua", "Steinkauz"], 2 * ['Frog "B", small']]
    raven = raven_table(EVENTS, PATHS, {"a": 0.0, "b": 60.0})
    selections = birdnet_selections(raven, others)
    assert selections["Common Name"].to_list() == ["Steinkauz", 'Frog "B", small']
    assert selections["Species Code"].to_list() == EVENTS["species"].to_list()
