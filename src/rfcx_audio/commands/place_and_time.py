"""Where and when recordings were made, for the commands that score them and find events."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import tzinfo
from pathlib import Path

import pandas as pd

from rfcx_audio.config import DictConfig
from rfcx_audio.data import (
    RecordingInfo,
    describe_recordings,
    names_places,
    parse_zone,
    read_recordings_table,
)
from rfcx_audio.events import by_site, draw_calls_by_hour, rates_by_site, zone_name
from rfcx_audio.scores import Scores
from rfcx_audio.scoring.archive import RECORDINGS
from rfcx_audio.screen import print_table
from rfcx_audio.whole_files import save_picture

_log = logging.getLogger(__name__)


def infos_of_audio(config: DictConfig, paths: Mapping[str, Path]) -> dict[str, RecordingInfo]:
    """Where and when recordings were made, see `describe_recordings`.

    The table is `config.recordings_table`; else `recordings.csv` in the folder of the recordings;
    else their list, if it is a CSV with such columns; else what `predict` wrote beside the scores.

    Raises:
        AnnotationError: see `read_recordings_table`.
        ValueError: the table does not exist, or the time zone is none.
    """
    zone = _zone(config)
    return describe_recordings(paths, _known(config, paths), zone)


def infos_of_scores(
    config: DictConfig, scores: Scores, paths: Mapping[str, Path]
) -> dict[str, RecordingInfo]:
    """The same for recordings with scores; `paths` is empty if their audio is not given.

    Without it, a path is that of the table, if it does not depend on the current folder or is
    there, and a recording without a duration in the table ends with its last window.

    Raises:
        AnnotationError: see `read_recordings_table`.
        ValueError: the table does not exist, or the time zone is none.
    """
    if paths:
        return infos_of_audio(config, paths)
    names = {name: Path(name) for name in scores.recordings}
    known = _known(config, names)
    infos = describe_recordings(names, known, _zone(config), open_files=False)
    ends_s = scores.ends_s
    for name, info in infos.items():
        path = known[name].path if name in known else None
        sure = path is not None and (path.is_absolute() or path.is_file())
        duration_s = ends_s[name] if info.duration_s is None else info.duration_s
        infos[name] = replace(info, path=path if sure else None, duration_s=duration_s)
    return infos


def write_summary(
    events: pd.DataFrame,
    infos: Mapping[str, RecordingInfo],
    scored: Sequence[str],
    folder: Path,
) -> None:
    """Writes `by_site.csv`, and `calls_by_hour.png` if there are events at known times.

    Prints events per recorded hour by site.

    Args:
        events: see `by_site`.
        infos: see `by_site`.
        scored: see `by_site`.
        folder: receives both.
    """
    table = by_site(events, infos, scored)
    table.to_csv(folder / "by_site.csv", index=False, float_format="%.6g")
    if len(table):
        rates = rates_by_site(table).rename(columns={"": "no site"})
        print_table(rates.map(_rounded), "events per recorded hour, by site")
    if table.loc[table["date"] != "", "events"].sum() > 0:
        save_picture(draw_calls_by_hour(table, zone_name(infos)), folder / "calls_by_hour.png")
    else:
        _log.info("no picture of the hours: no event has a known time")


def _rounded(value: object) -> object:
    return f"{value:.3g}" if isinstance(value, float) else value


def _zone(config: DictConfig) -> tzinfo | None:
    return None if config.timezone is None else parse_zone(str(config.timezone))


def _known(config: DictConfig, paths: Mapping[str, Path]) -> dict[str, RecordingInfo]:
    """What a table gives about recordings; nothing without one."""
    table = _table(config)
    if table is None:
        return {}
    known = read_recordings_table(table, paths)
    _log.info("%s has lines about %d of %d recordings", table, len(known), len(paths))
    return known


def _table(config: DictConfig) -> Path | None:
    if config.recordings_table is not None:
        table = Path(config.recordings_table)
        if not table.is_file():
            raise ValueError(f"recordings_table={table} does not exist; expected a CSV file")
        return table
    if config.recordings is not None:
        place = Path(config.recordings)
        if (place / RECORDINGS).is_file():
            return place / RECORDINGS
        if place.is_file() and place.suffix.lower() == ".csv" and names_places(place):
            return place
    scores = config.get("scores")
    beside = None if scores is None else Path(scores).parent / RECORDINGS
    return beside if beside is not None and beside.is_file() else None
