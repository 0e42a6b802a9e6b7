from __future__ import annotations

import pandas as pd
import pytest

from rfcx_audio.data.row_ends import cut_at_end, into_the_next

NAMES = ["recording_id", "t_min", "t_max", "ends_in"]


def rows(*some: tuple) -> pd.DataFrame:
    table = pd.DataFrame(list(some), columns=pd.Index(NAMES))
    return table.assign(source="night.txt", line=range(2, 2 + len(table)), species_id=3)


def test_a_call_over_midnight_labels_both_files() -> None:
    night = rows(("23h", 58.0, 63.5, "00h"), ("23h", 1.0, 2.0, "23h"), ("00h", 4.0, 5.0, ""))
    found = into_the_next(night, {"23h": 60.0, "00h": 60.0})
    assert found[NAMES[:3]].to_numpy().tolist() == [
        ["23h", 58.0, 60.0],
        ["23h", 1.0, 2.0],
        ["00h", 4.0, 5.0],
        ["00h", 0.0, 3.5],
    ]
    assert found["line"].to_list() == [2, 3, 4, 2]
    assert found["species_id"].to_list() == [3] * 4


@pytest.mark.parametrize("ends_in", ["", "gone", "23h"])
def test_a_row_that_ends_in_no_other_recording_is_cut_and_counted(
    ends_in: str, caplog: pytest.LogCaptureFixture
) -> None:
    night = rows(("23h", 58.0, 63.5, ends_in), ("23h", 1.0, 60.04, ""))
    durations_s = {"23h": 60.0}
    found = cut_at_end(into_the_next(night, durations_s), durations_s)
    assert found["t_max"].to_list() == [60.0, 60.04]  # the second is rounded in the table
    assert "1 rows end after their recording and are cut at its end" in caplog.text
    assert "night.txt line 2, which ends at 63.5 s in '23h' of 60 s" in caplog.text
