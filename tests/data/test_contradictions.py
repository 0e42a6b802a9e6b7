from __future__ import annotations

import pandas as pd
import pytest

from rfcx_audio.data import contradictory, warn_of_contradictions


def rows(*lines: tuple[str, int, bool, float, float, float]) -> pd.DataFrame:
    columns = pd.Index(["recording_id", "species_id", "present", "t_min", "t_max", "f_min"])
    table = pd.DataFrame(lines, columns=columns)
    return table.assign(f_max=table["f_min"] + 500, source="own.csv", line=range(2, len(lines) + 2))


def test_rows_contradict_each_other_where_they_share_half_their_time_and_a_band() -> None:
    table = rows(
        ("a", 0, True, 1.0, 3.0, 900.0),
        ("a", 0, False, 2.0, 4.0, 900.0),  # half
        ("a", 0, False, 2.5, 4.5, 900.0),  # a quarter
        ("a", 0, False, 1.0, 3.0, 2000.0),  # another band
        ("a", 1, False, 1.0, 3.0, 900.0),  # another species
        ("b", 0, False, 1.0, 3.0, 900.0),  # another recording
        ("a", 0, True, 1.0, 3.0, 900.0),
    )
    assert contradictory(table)[["line", "line_absent"]].to_numpy().tolist() == [[2, 3], [8, 3]]
    assert contradictory(table[table["present"]]).empty


def test_contradictions_are_counted_and_the_first_is_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    table = rows(("a", 0, True, 1.0, 3.0, 900.0), ("a", 0, False, 1.0, 2.0, 900.0))
    warn_of_contradictions(table)
    assert "1 pairs of rows contradict each other, the first in 'a' at 1 s" in caplog.text
    assert "present in own.csv line 2 and absent in own.csv line 3" in caplog.text
    caplog.clear()
    warn_of_contradictions(table[:1])
    assert not caplog.text
