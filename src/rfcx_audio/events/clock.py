"""The clock times of events, and how many there are at each site, date and hour."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime

import pandas as pd

from rfcx_audio.data import RecordingInfo, after

CLOCK_COLUMNS = ("site", "start_time", "end_time")
"""Behind the columns of `EVENT_COLUMNS`: the place, and ISO 8601 times with their offset."""

SUMMARY_COLUMNS = (
    *("site", "date", "hour", "species", "events", "recorded_minutes"),
    "events_per_recorded_hour",
)
"""The columns of `by_site`."""

_HOUR_S = 3600.0
Hour = tuple[str, str, str]  # site, date and hour of day; the latter two empty if unknown


def with_clock_times(events: pd.DataFrame, infos: Mapping[str, RecordingInfo]) -> pd.DataFrame:
    """Events with the site of their recording, and the times of day at which they begin and end.

    Args:
        events: with the columns of `EVENT_COLUMNS`.
        infos: by recording. A start without a time zone gives times without an offset.

    Returns:
        The events with `CLOCK_COLUMNS`, empty text where the site or the start is unknown.
    """
    starts = [infos[name].start for name in events["recording_id"]]
    return events.assign(
        site=[infos[name].site for name in events["recording_id"]],
        start_time=_clock(starts, events["t_min"]),
        end_time=_clock(starts, events["t_max"]),
    )


def by_site(
    events: pd.DataFrame, infos: Mapping[str, RecordingInfo], scored: Collection[str]
) -> pd.DataFrame:
    """Events by site, date, hour of day and species, with the minutes that were recorded.

    Args:
        events: with the columns of `EVENT_COLUMNS`; each counts in the hour in which it begins.
        infos: by recording, with durations.
        scored: recordings in which events were looked for; only they count as recorded.

    Returns:
        The columns of `SUMMARY_COLUMNS`. For each hour with recorded minutes, one row for each
        species of the events, with 0 where it has none there. Recordings without a start have an
        empty date and hour. Minutes of several recordings at one time add up.
    """
    minutes: dict[Hour, float] = defaultdict(float)
    for name in scored:
        for hour, seconds in _recorded(infos[name]):
            minutes[hour] += seconds / 60
    found: dict[tuple[Hour, str], int] = defaultdict(int)
    for name, t_min, species in events[["recording_id", "t_min", "species"]].itertuples(
        index=False
    ):
        info = infos[name]
        hour = _hour(info.site, after(info.start, t_min) if info.start else None)
        minutes.setdefault(hour, 0.0)
        found[hour, species] += 1
    rows = [
        (*hour, species, found.get((hour, species), 0), minutes[hour])
        for hour in sorted(minutes)
        for species in sorted(events["species"].unique())
    ]
    table = pd.DataFrame(rows, columns=pd.Index(SUMMARY_COLUMNS[:-1]))
    return table.assign(events_per_recorded_hour=per_recorded_hour(table))


def per_recorded_hour(sums: pd.DataFrame) -> pd.Series:
    """`events` per hour of `recorded_minutes`; NaN where nothing was recorded."""
    minutes = sums["recorded_minutes"]
    return sums["events"] / (minutes / 60).where(minutes > 0)


def rates_by_site(table: pd.DataFrame) -> pd.DataFrame:
    """Events per recorded hour of each species at each site, over all its recordings.

    Args:
        table: as `by_site` returns it.

    Returns:
        `species`, and a column for each site; NaN where nothing was recorded.
    """
    by_species = table.groupby(["site", "species"])[["events", "recorded_minutes"]].sum()
    rates = by_species.assign(rate=per_recorded_hour(by_species))
    wide = rates.pivot_table("rate", "species", "site", dropna=False)
    return wide.rename_axis(None, axis=1).reset_index()


def zone_name(infos: Mapping[str, RecordingInfo]) -> str:
    """The time zone of the starts, for the title of a picture."""
    starts = [info.start for info in infos.values() if info.start]
    names = {str(start.tzinfo) for start in starts if start.tzinfo}
    if not names:
        return "local time, zone unknown"
    if len(names) > 1 or any(start.tzinfo is None for start in starts):
        return "each recording's own time zone"
    return f"time zone {names.pop()}"


def _clock(starts: list[datetime | None], seconds: pd.Series) -> list[str]:
    return [
        after(start, second).isoformat(timespec="milliseconds") if start else ""
        for start, second in zip(starts, seconds, strict=True)
    ]


def _hour(site: str, moment: datetime | None) -> Hour:
    if moment is None:
        return site, "", ""
    return site, moment.date().isoformat(), f"{moment.hour:02}"


def _recorded(info: RecordingInfo) -> Iterator[tuple[Hour, float]]:
    """The hours over which a recording reaches, and how many seconds of each it holds."""
    left = info.duration_s or 0.0
    if info.start is None:
        yield _hour(info.site, None), left
        return
    moment = info.start
    while left > 0:
        into = moment.minute * 60 + moment.second + moment.microsecond / 1e6
        seconds = min(left, _HOUR_S - into)
        yield _hour(info.site, moment), seconds
        moment, left = after(moment, seconds), left - seconds
