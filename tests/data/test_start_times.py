from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from metamoth.parsing import parse_comment

from rfcx_audio.data.start_times import (
    after,
    in_zone,
    parse_start,
    parse_zone,
    start_in_comment,
    start_in_name,
)

DAWN = datetime(2021, 6, 14, 5, 30)


@pytest.mark.parametrize(
    ("name", "prefix"),
    [
        ("20210614_053000", ""),
        ("20210614053000.wav", ""),
        ("pond-7_20210614_053000.WAV", "pond-7"),
        ("SM3_0+1_20210614$053000", "SM3_0+1"),
        ("2021-06-14T05-30-00", ""),
        ("2021-06-14 05.30.00 left", ""),
        ("2021-06-14-birdnet-05:30:00", ""),
        ("roof_2021_06_14_0530", "roof"),
        ("20210614_053000_001", ""),  # counters, which look like zones
        ("20210614_053000-01", ""),
        ("20210614_053000-0001", ""),
        ("A20211399_253000 20210614_053000", "A20211399_253000"),  # the first is no date
    ],
)
def test_a_name_gives_a_start_without_a_zone(name: str, prefix: str) -> None:
    assert start_in_name(name) == (DAWN, prefix)


@pytest.mark.parametrize(
    ("name", "hours"),
    [
        ("20210614_053000Z", 0),
        ("2021-06-14T05:30:00 UTC", 0),
        ("20210614T053000+10_creek", 10),
        ("20210614_053000-0400", -4),
        ("20210614_053000_+05:30", 5.5),
    ],
)
def test_a_name_may_give_the_zone(name: str, hours: float) -> None:
    start, _ = start_in_name(name)
    assert start == DAWN.replace(tzinfo=timezone(timedelta(hours=hours)))
    assert start.utcoffset() == timedelta(hours=hours)


@pytest.mark.parametrize(
    "name", ["owl", "12345678_123456", "20211399_253000", "20210614", "recording_20210614_07", ""]
)
def test_other_names_give_no_start(name: str) -> None:
    assert start_in_name(name) == (None, "")


@pytest.mark.parametrize(
    "middle",
    [
        "by AudioMoth 24F31901603710E2 at gain setting 2 while battery state was 3.9V",
        "(UTC) by AudioMoth 24F31901603710E2 at gain setting 2 while battery state was > 5.0V",
        "(UTC-4) by AudioMoth 24F31901603710E2 at gain setting 2 while battery state was 4.1V.",
        "(UTC+5:30) by AudioMoth 24F31901603710E2 at medium gain setting while battery state was "
        "4.1V and temperature was 21.0C.",
        "(UTC+10) during deployment 24F31901603710E2 at medium gain while battery was 4.1V and "
        "temperature was -1.5C. Recording stopped due to low voltage.",
    ],
)
def test_comments_are_read_as_metamoth_reads_them(middle: str) -> None:
    comment = f"Recorded at 05:30:00 14/06/2021 {middle}"
    expected = parse_comment(comment)
    start = expected["datetime"].replace(tzinfo=expected["timezone"])
    assert start_in_comment(comment) == (start, "24F31901603710E2")
    assert start_in_comment(comment)[0].utcoffset() == start.utcoffset()


def test_hours_and_minutes_west_of_greenwich_add_up() -> None:
    comment = "Recorded at 05:30:00 14/06/2021 (UTC-3:30) by AudioMoth 24F31901603710E2 at medium"
    start, _ = start_in_comment(comment)  # metamoth 1.2.2 reads -2:30
    assert start.utcoffset() == timedelta(hours=-3.5)


def test_what_is_no_comment_of_an_audiomoth_gives_nothing() -> None:
    assert start_in_comment("found by the river") == (None, "")
    assert start_in_comment("Recorded at 25:30:00 14/06/2021 (UTC) by AudioMoth 24F3") == (
        None,
        "24F3",
    )


def test_zones_have_names_or_offsets() -> None:
    assert parse_zone("America/Puerto_Rico") == ZoneInfo("America/Puerto_Rico")
    for text, hours in (("-04:00", -4), ("+0530", 5.5), ("UTC+2", 2), ("Z", 0), ("utc", 0)):
        assert parse_zone(text).utcoffset(None) == timedelta(hours=hours)
    for wrong in ("Puerto Rico", "../zone", "", "4"):
        with pytest.raises(ValueError, match="expected a name like America/Puerto_Rico"):
            parse_zone(wrong)


def test_starts_are_written_as_iso_8601() -> None:
    for text in ("2021-06-14 05:30", "2021/06/14 5:30", " 20210614T053000 "):
        assert parse_start(text) == DAWN
    assert parse_start("2021/06/14T05:30:00Z") == DAWN.replace(tzinfo=UTC)
    assert parse_start("2021-06-14T05:30:00.250-04:00").utcoffset() == timedelta(hours=-4)
    for wrong in ("14/06/2021 05:30", "2021-06-14", "dawn", ""):
        with pytest.raises(ValueError, match="expected the form 2021-06-14T05:30:00"):
            parse_start(wrong)


def test_time_goes_on_when_clocks_are_changed() -> None:
    zone = ZoneInfo("Europe/Berlin")
    before = datetime(2021, 10, 31, 2, 30, tzinfo=zone)  # summer time ends at 3
    assert after(before, 3600).isoformat() == "2021-10-31T02:30:00+01:00"
    assert after(DAWN, 90.5).isoformat() == "2021-06-14T05:31:30.500000"


def test_a_zone_is_given_to_starts_without_one_and_changes_no_other_time() -> None:
    zone = ZoneInfo("America/Puerto_Rico")
    assert in_zone(DAWN, zone).isoformat() == "2021-06-14T05:30:00-04:00"
    assert in_zone(DAWN.replace(tzinfo=UTC), zone).isoformat() == "2021-06-14T01:30:00-04:00"
    assert in_zone(DAWN, None) is DAWN
