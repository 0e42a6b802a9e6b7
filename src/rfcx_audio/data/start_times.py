"""When a recording began: dates and times in text, in file names and in a recorder's comment."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_OFFSET = r"[+-]\d{1,2}(?::?\d{2})?"
_ZONE = re.compile(rf"(?:UTC|GMT)?({_OFFSET})|UTC|GMT|Z", re.IGNORECASE)
_ONE_DIGIT = re.compile(r"(?<=\d)([T ])(\d)(?=:)")
# 20210614_053000, 2021-06-14T05-30-00, 20210614053000, 2021-06-14-birdnet-05:30:00 (BirdNET-Pi),
# 20210614$053000 (Song Meter); then, if it is there, a zone: Z, UTC, +10, -0400, +05:30. A counter
# such as -001 is none, so that hours west of Greenwich need their minutes.
_IN_NAME = re.compile(
    r"(?<!\d)(?P<year>(?:19|20)\d{2})(?P<mark>[-_.]?)(?P<month>\d{2})(?P=mark)(?P<day>\d{2})"
    r"(?:[-_T $]{0,3}|[-_]birdnet[-_](?:RTSP_\d+[-_])?)"
    r"(?P<hour>\d{2})(?P<sign>[-_.:h]?)(?P<minute>\d{2})(?:(?P=sign)(?P<second>\d{2}))?(?!\d)"
    r"[_ ]?(?P<zone>(?:Z|UTC)(?![A-Za-z0-9])|[+-](?:0\d|1[0-4]):?(?:00|15|30|45)(?!\d)"
    r"|\+(?:0\d|1[0-4])(?!\d))?",
    re.IGNORECASE,
)
# How AudioMoth's firmware begins its comments; 1.0 wrote no zone, and meant UTC.
_COMMENT = re.compile(
    r"Recorded at (\d{2}):(\d{2}):(\d{2})(?:\.\d+)? (\d{2})/(\d{2})/(\d{4})"
    rf"(?: \(UTC({_OFFSET})?\))?(?: (?:by AudioMoth|during deployment) (\w+))?"
)


def parse_zone(text: str) -> tzinfo:
    """A time zone by its name (`America/Puerto_Rico`) or its offset (`-04:00`, `UTC+2`, `Z`).

    Raises:
        ValueError: there is none of that name.
    """
    found = _ZONE.fullmatch(text.strip())
    if found:
        return UTC if found[1] is None else _offset(found[1])
    try:
        return ZoneInfo(text.strip())
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            f"timezone={text} is no time zone; expected a name like America/Puerto_Rico, or an "
            "offset like -04:00"
        ) from None


def parse_start(text: str) -> datetime:
    """A date and time in ISO 8601, with its zone if one is given.

    Raises:
        ValueError: it is none, or a date without a time.
    """
    words = text.strip()
    try:
        # Spreadsheets write slashes, and hours of one digit.
        start = datetime.fromisoformat(_ONE_DIGIT.sub(r"\g<1>0\2", words.replace("/", "-")))
    except ValueError:
        start = None
    if start is None or len(words) < len("2021-06-14T05"):
        raise ValueError(
            f"{text!r} is no date and time; expected the form 2021-06-14T05:30:00, followed by "
            "-04:00 or another zone if it is known"
        )
    return start


def start_in_name(name: str) -> tuple[datetime | None, str]:
    """The start that a file's name gives, and what the name begins with before it.

    >>> start_in_name("pond_20210614_053000-0400")[0].isoformat()
    '2021-06-14T05:30:00-04:00'

    Args:
        name: without folders; with or without an ending.

    Returns:
        The start, with its zone if the name has one; None if the name has no date and time. The
        prefix without the separator; empty if there is none.
    """
    for found in _IN_NAME.finditer(name):
        words = found.groupdict()
        year, month, day, hour, minute, second = (
            int(words[key] or 0) for key in ("year", "month", "day", "hour", "minute", "second")
        )
        try:
            start = datetime(year, month, day, hour, minute, second)
        except ValueError:
            continue  # digits that are no date, such as a serial number
        zone = words["zone"]
        prefix = name[: found.start()].strip("-_. $")
        return (start.replace(tzinfo=parse_zone(zone)) if zone else start), prefix
    return None, ""


def start_in_comment(comment: str) -> tuple[datetime | None, str]:
    """The start and the recorder's number that the comment of an AudioMoth gives.

    Returns:
        The start with its zone, and the number; None and an empty text for other comments.
    """
    found = _COMMENT.search(comment)
    if not found:
        return None, ""
    hour, minute, second, day, month, year = (int(part) for part in found.groups()[:6])
    zone = UTC if found[7] is None else _offset(found[7])
    try:
        start = datetime(year, month, day, hour, minute, second, tzinfo=zone)
    except ValueError:
        return None, found[8] or ""
    return start, found[8] or ""


def after(start: datetime, seconds: float) -> datetime:
    """The time that many seconds later, in the same zone; clocks may have been changed between."""
    later = timedelta(seconds=seconds)
    if start.tzinfo is None:
        return start + later
    return (start.astimezone(UTC) + later).astimezone(start.tzinfo)


def in_zone(start: datetime, zone: tzinfo | None) -> datetime:
    """A start in a zone, which is also that of a start without one; None leaves it as it is."""
    if zone is None:
        return start
    return start.replace(tzinfo=zone) if start.tzinfo is None else start.astimezone(zone)


def _offset(text: str) -> tzinfo:
    """A fixed offset: `-4`, `+0530`, `-03:30`."""
    digits = text[1:].replace(":", "")
    hours, minutes = (int(digits[:-2]), int(digits[-2:])) if len(digits) > 2 else (int(digits), 0)
    length = timedelta(hours=hours, minutes=minutes)
    return timezone(-length if text.startswith("-") else length)
