from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from rfcx_audio.data import RecordingInfo
from rfcx_audio.events import by_site, rates_by_site, with_clock_times, zone_name
from rfcx_audio.events.clock import CLOCK_COLUMNS, SUMMARY_COLUMNS

BERLIN = ZoneInfo("Europe/Berlin")
# Three hours from half past one in the night in which the hour from two to three is twice.
LONG = RecordingInfo(
    site="pond", start=datetime(2021, 10, 31, 1, 30, tzinfo=BERLIN), duration_s=3 * 3600.0
)
INFOS = {
    "long": LONG,
    "short": RecordingInfo(
        site="pond", start=datetime(2021, 10, 31, 1, 45, tzinfo=BERLIN), duration_s=600.0
    ),
    "unknown": RecordingInfo(site="ridge", duration_s=120.0),
}


def events(*rows: tuple[str, float, str]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["recording_id", "t_min", "species"])
    return table.assign(t_max=table["t_min"] + 1.5)


def test_events_have_the_times_of_a_clock() -> None:
    table = with_clock_times(
        events(("long", 1800.0, "Owl"), ("long", 5400.25, "Owl"), ("unknown", 3.0, "Owl")), INFOS
    )
    assert table[list(CLOCK_COLUMNS)].to_numpy().tolist() == [
        ["pond", "2021-10-31T02:00:00.000+02:00", "2021-10-31T02:00:01.500+02:00"],
        ["pond", "2021-10-31T02:00:00.250+01:00", "2021-10-31T02:00:01.750+01:00"],
        ["ridge", "", ""],
    ]
    local = {"a": RecordingInfo(start=datetime(2021, 6, 14, 5, 30))}
    (time,) = with_clock_times(events(("a", 1.0, "Owl")), local)["start_time"]
    assert time == "2021-06-14T05:30:01.000"


def test_hours_have_the_minutes_recorded_in_them_and_rates_of_these() -> None:
    found = events(
        ("long", 0.0, "Owl"),
        ("long", 1800.0, "Owl"),
        ("long", 5400.0, "Owl"),
        ("short", 60.0, "Owl"),
        ("unknown", 0.0, "Frog"),
    )
    table = by_site(found, INFOS, list(INFOS))
    assert tuple(table) == SUMMARY_COLUMNS
    cells = table.set_index(["site", "date", "hour", "species"])
    night = ("pond", "2021-10-31")
    assert cells.loc[(*night, "01", "Owl")].to_list() == [2, 30 + 10, 3.0]
    assert cells.loc[(*night, "02", "Owl")].to_list() == [2, 120, 1.0]  # the hour that is twice
    assert cells.loc[(*night, "03", "Owl")].to_list() == [0, 30, 0.0]
    assert cells.loc[("ridge", "", "", "Frog")].to_list() == [1, 2, 30.0]
    assert cells.loc[("ridge", "", "", "Owl")].to_list() == [0, 2, 0.0]
    assert len(table) == 4 * 2
    assert "04" not in table["hour"].to_list()  # nothing was recorded then


def test_only_recordings_that_were_searched_count_as_recorded() -> None:
    table = by_site(events(("short", 60.0, "Owl")), INFOS, ["short"])
    assert table.to_numpy().tolist() == [["pond", "2021-10-31", "01", "Owl", 1, 10.0, 6.0]]


def test_without_events_there_are_no_rows() -> None:
    table = by_site(events(), INFOS, list(INFOS))
    assert table.empty
    assert tuple(table) == SUMMARY_COLUMNS


def test_the_rates_of_a_site_are_over_all_its_hours() -> None:
    rows = [
        ("marsh", "2021-06-14", "05", "Owl", 3, 30.0, 6.0),
        ("marsh", "2021-06-14", "06", "Owl", 0, 60.0, 0.0),
        ("ridge", "2021-06-14", "05", "Owl", 2, 0.0, float("nan")),
        ("ridge", "2021-06-14", "05", "Rail", 1, 0.0, float("nan")),
    ]
    table = rates_by_site(pd.DataFrame(rows, columns=list(SUMMARY_COLUMNS)))
    assert list(table) == ["species", "marsh", "ridge"]
    assert table["species"].to_list() == ["Owl", "Rail"]
    assert table["marsh"].iloc[0] == 2.0  # three in an hour and a half
    assert table[["ridge"]].isna().all().all()


def test_minutes_are_those_of_a_loop_over_seconds() -> None:
    start = datetime(2021, 6, 14, 22, 58, 30, tzinfo=UTC)
    info = RecordingInfo(start=start, duration_s=5000.0)
    table = by_site(events(("a", 0.0, "Owl")), {"a": info}, ["a"])
    seconds = pd.Series([start + timedelta(seconds=second) for second in range(5000)])
    expected = seconds.dt.strftime("%Y-%m-%d %H").value_counts().sort_index() / 60
    assert (table["date"] + " " + table["hour"]).to_list() == expected.index.to_list()
    assert table["recorded_minutes"].to_list() == pytest.approx(expected.to_list())


def test_the_zone_is_named() -> None:
    assert zone_name(INFOS) == "time zone Europe/Berlin"
    local = {"a": RecordingInfo(start=datetime(2021, 6, 14, 5, 30))}
    assert zone_name(local) == "local time, zone unknown"
    assert zone_name({**INFOS, **local}) == "each recording's own time zone"
    utc = {"b": RecordingInfo(start=datetime(2021, 6, 14, 5, 30, tzinfo=UTC))}
    assert zone_name({**INFOS, **utc}) == "each recording's own time zone"
