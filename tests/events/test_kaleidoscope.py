from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from rfcx_audio.data import RecordingInfo
from rfcx_audio.events import kaleidoscope_table
from rfcx_audio.events.kaleidoscope import KALEIDOSCOPE_COLUMNS

INFOS = {
    "pond/a": RecordingInfo(
        Path("/audio/pond/a.wav"), start=datetime(2021, 6, 14, 5, 30, tzinfo=UTC)
    ),
    "b": RecordingInfo(Path("/audio/b.wav")),
}


def events(*names: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "recording_id": names,
            "species": "Owl",
            "t_min": 3.0,
            "t_max": 4.5,
            "f_min": 300.0,
            "f_max": 900.0,
            "score": 0.75,
        },
        index=range(7, 7 + len(names)),  # of a part of a table
    )


def test_events_have_the_columns_of_kaleidoscope() -> None:
    table = kaleidoscope_table(events("pond/a", "b"), INFOS)
    assert tuple(table) == KALEIDOSCOPE_COLUMNS
    common = [0, 3.0, 1.5, 300.0, 600.0, 900.0]
    times = ["2021-06-14", "05:30:00", "5", "2021-06-13", "17:30:00", "17"]
    assert table.to_numpy().tolist() == [
        ["/audio", "pond", "a.wav", *common, *times, "Owl", 0.25, ""],
        ["/audio", "", "b.wav", *common, *[""] * 6, "Owl", 0.25, ""],
    ]


def test_no_events_give_column_names_only() -> None:
    table = kaleidoscope_table(events(), INFOS)
    assert table.empty
    assert tuple(table) == KALEIDOSCOPE_COLUMNS
