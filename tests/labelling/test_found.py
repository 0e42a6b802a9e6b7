from __future__ import annotations

import math

import numpy as np
import pandas as pd

from rfcx_audio.labelling import FOUND_COLUMNS, against_truth, with_bands


def found(*rows: tuple) -> pd.DataFrame:
    """(recording, species, t_min, t_max, present) each."""
    names = ["recording_id", "species_id", "t_min", "t_max", "present"]
    return pd.DataFrame(list(rows), columns=names).assign(weight=0.5, score=0.9)[
        list(FOUND_COLUMNS)
    ]


def calls(*rows: tuple) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=["recording_id", "species_id", "t_min", "t_max"])


def test_a_species_has_the_union_of_its_boxes_and_its_commonest_song() -> None:
    rows = pd.DataFrame(
        {
            "species_id": [0, 0, 0, 1],
            "songtype_id": [4, 1, 4, 1],
            "f_min": [100.0, 300.0, 200.0, 50.0],
            "f_max": [400.0, 900.0, 500.0, 60.0],
        }
    )
    banded = with_bands(found(("a", 1, 0, 6, True), ("b", 0, 0, 6, True)), rows)
    assert banded[["songtype_id", "f_min", "f_max"]].to_numpy().tolist() == [
        [1, 50, 60],
        [4, 100, 900],
    ]


def test_a_species_without_rows_has_no_band_and_no_label() -> None:
    rows = pd.DataFrame({"species_id": [1], "songtype_id": [1], "f_min": [1.0], "f_max": [2.0]})
    banded = with_bands(found(("a", 1, 0, 6, True), ("a", 7, 0, 6, True)), rows)
    assert banded["species_id"].to_list() == [1]


def test_rows_are_held_against_calls_as_a_loop_would() -> None:
    rng = np.random.default_rng(0)
    rows = found(
        *[
            (f"r{rng.integers(3)}", rng.integers(3), t := rng.uniform(0, 50), t + 6, bool(n % 4))
            for n in range(60)
        ]
    )
    truth = calls(
        *[
            (f"r{rng.integers(3)}", rng.integers(3), t := rng.uniform(0, 50), t + 1)
            for _ in range(30)
        ]
    )
    right, calls_found = 0, set()
    for row in rows.itertuples():
        touching = [
            index
            for index, call in truth.iterrows()
            if (call.recording_id, call.species_id) == (row.recording_id, row.species_id)
            and call.t_min < row.t_max
            and call.t_max > row.t_min
        ]
        right += bool(touching) == row.present
        calls_found |= set(touching) if row.present else set()
    measured = against_truth(rows, truth)
    assert math.isclose(measured["precision"], right / 60)
    assert 0.2 < measured["precision"] < 0.8
    assert (measured["calls_found"], measured["calls"]) == (len(calls_found), 30)


def test_nothing_found_has_no_precision() -> None:
    measured = against_truth(found(), calls(("a", 0, 1, 2)))
    assert math.isnan(measured["precision"])
    assert measured["calls_found"] == 0
