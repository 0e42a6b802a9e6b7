"""Where and when recordings were made, from a table, their metadata and their names."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

from rfcx_audio.data.audio import AudioError, probe
from rfcx_audio.data.audio_metadata import read_comment, read_guano
from rfcx_audio.data.recordings import readable_name
from rfcx_audio.data.start_times import in_zone, parse_start, start_in_comment, start_in_name

_log = logging.getLogger(__name__)

_AGREEMENT = timedelta(minutes=1)  # names of some recorders have no seconds
_DATE_FOLDER = re.compile(r"(?:19|20)\d{2}(?:[-_.]?\d{2}){0,2}")


@dataclass(frozen=True)
class RecordingInfo:
    """Where and when a recording was made, and how long it is; what is unknown is None or empty.

    Attributes:
        path: of the audio file.
        site: name of the place.
        start: with its time zone; without one it is a local time of an unknown zone.
        start_from: `recordings.csv`, `GUANO`, `AudioMoth` or `file name`.
        latitude: degrees north.
        longitude: degrees east.
        recorder: name or number of the device.
        duration_s: length, s.
        sample_rate: Hz.
    """

    path: Path | None = None
    site: str = ""
    start: datetime | None = None
    start_from: str = ""
    latitude: float | None = None
    longitude: float | None = None
    recorder: str = ""
    duration_s: float | None = None
    sample_rate: int | None = None

    def completed(self, other: RecordingInfo) -> RecordingInfo:
        """With the values of another where this one has none."""
        start = (self.start, self.start_from) if self.start else (other.start, other.start_from)
        return RecordingInfo(
            self.path or other.path,
            self.site or other.site,
            *start,
            *_first_known((self.latitude, self.longitude), (other.latitude, other.longitude)),
            self.recorder or other.recorder,
            other.duration_s if self.duration_s is None else self.duration_s,
            other.sample_rate if self.sample_rate is None else self.sample_rate,
        )


def describe_recordings(
    paths: Mapping[str, Path],
    table: Mapping[str, RecordingInfo] | None = None,
    zone: tzinfo | None = None,
    *,
    open_files: bool = True,
) -> dict[str, RecordingInfo]:
    """Where and when each recording was made.

    Each value comes from the first source that has it: the table, the file's GUANO chunk, the
    comment of an AudioMoth, the file's name. A site that none of them gives is the folder in which
    the recordings' paths differ first, folders of dates left out, or else what a name with a date
    begins with. What is missing or contradictory is counted in warnings.

    Args:
        paths: audio files by recording.
        table: what is known beforehand, see `read_recordings_table`.
        zone: of starts that have none; the others are converted to it. None: as they are.
        open_files: False if the paths are names only.

    Returns:
        By recording, in the order of `paths`.
    """
    folders = _differing_folders(paths.values())
    infos: dict[str, RecordingInfo] = {}
    conflicts: list[str] = []
    faults: list[str] = []
    for name, path in paths.items():
        given = (table or {}).get(name, RecordingInfo())
        named_start, prefix = start_in_name(readable_name(path.name))
        by_name = RecordingInfo(
            site=folders[path] or prefix, start=named_start, start_from=_from(named_start)
        )
        of_file = _of_file(path, name, faults) if open_files else []
        sources = [given, *of_file, by_name]
        conflicts += _conflict(name, sources, zone)
        info = _header(path) if open_files else RecordingInfo()
        for source in reversed(sources):
            info = source.completed(info)
        start = None if info.start is None else in_zone(info.start, zone)
        infos[name] = replace(info, path=path, start=start)
    _warn(infos, conflicts, faults)
    return infos


def _from(start: datetime | None) -> str:
    return "file name" if start else ""


def _header(path: Path) -> RecordingInfo:
    """Length and sample rate; recordings that cannot be read are named elsewhere."""
    try:
        found = probe(path)
    except AudioError:
        return RecordingInfo()
    return RecordingInfo(duration_s=found.duration_s, sample_rate=found.sample_rate)


def _of_file(path: Path, name: str, faults: list[str]) -> list[RecordingInfo]:
    """What the recorder wrote into the file; nothing if the file cannot be read."""
    try:
        fields, comment = read_guano(path), read_comment(path)
    except OSError:
        return []
    start, recorder = start_in_comment(comment)
    audiomoth = RecordingInfo(
        start=start, start_from="AudioMoth" if start else "", recorder=recorder
    )
    return [_of_guano(fields, name, faults), audiomoth]


def _of_guano(fields: Mapping[str, str], name: str, faults: list[str]) -> RecordingInfo:
    info = RecordingInfo(recorder=fields.get("Serial") or fields.get("Model", ""))
    stamp, position = fields.get("Timestamp"), fields.get("Loc Position")
    if stamp:
        try:
            info = replace(info, start=parse_start(stamp), start_from="GUANO")
        except ValueError as error:
            faults.append(f"{name}, Timestamp: {error}")
    if position:
        try:
            latitude, longitude = (float(part) for part in position.split())
            check_position(latitude, longitude)
            info = replace(info, latitude=latitude, longitude=longitude)
        except ValueError:
            faults.append(f"{name}, Loc Position: {position!r} is no latitude and longitude")
    return info


def check_position(latitude: float, longitude: float) -> None:
    """Refuses what is no place on the globe.

    Raises:
        ValueError: a value is out of range, or not finite.
    """
    if not (abs(latitude) <= 90 and abs(longitude) <= 180):
        raise ValueError(
            f"latitude = {latitude:g}, longitude = {longitude:g}; expected degrees from -90 to 90 "
            "(north) and from -180 to 180 (east)"
        )


def _first_known(
    one: tuple[float | None, float | None], other: tuple[float | None, float | None]
) -> tuple[float | None, float | None]:
    # A place is taken whole: the latitude of one source and the longitude of another are nowhere.
    return other if None in one else one


def _differing_folders(paths: Iterable[Path]) -> dict[Path, str]:
    """By file, the first folder in which the files' paths differ, dates left out; else empty."""
    folders = {
        path: [part for part in path.absolute().parent.parts if not _DATE_FOLDER.fullmatch(part)]
        for path in paths
    }
    whole = [str(Path(*parts)) for parts in folders.values()]
    same = len(Path(os.path.commonpath(whole)).parts) if whole else 0
    return {
        path: readable_name(parts[same]) if len(parts) > same else ""
        for path, parts in folders.items()
    }


def _conflict(name: str, sources: list[RecordingInfo], zone: tzinfo | None) -> list[str]:
    """A line if a source has another start than the first one."""
    starts = [(one.start, one.start_from) for one in sources if one.start]
    for other, origin in starts[1:]:
        first, chosen = starts[0]
        if not _agree(first, other, zone):
            return [
                f"{name}: {chosen} {first.isoformat()}, {origin} {other.isoformat()}; the former "
                "is taken"
            ]
    return []


def _agree(one: datetime, other: datetime, zone: tzinfo | None) -> bool:
    """Whether both may be the same time; one without a zone may be in any of those at hand."""
    if (one.tzinfo is None) == (other.tzinfo is None):
        return abs(one - other) <= _AGREEMENT
    aware, local = (other, one) if one.tzinfo is None else (one, other)
    clocks = [aware, aware.astimezone(UTC), in_zone(aware, zone)]
    return any(abs(clock.replace(tzinfo=None) - local) <= _AGREEMENT for clock in clocks)


def _warn(infos: Mapping[str, RecordingInfo], conflicts: list[str], faults: list[str]) -> None:
    if conflicts:
        _log.warning(
            "%d recordings have different starts in different places, the first is %s",
            len(conflicts),
            conflicts[0],
        )
    if faults:
        _log.warning("%d GUANO fields cannot be used, the first is %s", len(faults), faults[0])
    unknown = [name for name, info in infos.items() if info.start is None]
    if unknown:
        _log.log(
            _level(unknown, infos),
            "%d of %d recordings have no start time, the first is %r: there is none in its name or "
            "its metadata; a table with recording_id and start may give it: recordings_table=…",
            len(unknown),
            len(infos),
            unknown[0],
        )
    local = [name for name, info in infos.items() if info.start and info.start.tzinfo is None]
    if local:
        _log.log(
            _level(local, infos),
            "%d of %d start times have no time zone, the first is %r at %s; name it with timezone=…"
            ", such as timezone=America/Puerto_Rico or timezone=-04:00",
            len(local),
            len(infos) - len(unknown),
            local[0],
            infos[local[0]].start,
        )


def _level(some: list[str], infos: Mapping[str, RecordingInfo]) -> int:
    """That some recordings lack what others have may be a mistake; that all do is their kind."""
    return logging.WARNING if len(some) < len(infos) else logging.INFO
