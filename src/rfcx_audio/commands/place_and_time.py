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
from rfcx_audio.events import by_site, draw_calls_by_hour, zone_name
from rfcx_audio.scores import Scores
from rfcx_audio.scoring.archive import RECORDINGS
from rfcx_audio.whole_files import save_picture

_log = logging.getLogger(__name__)


def infos_of_audio(config: DictConfig, paths: Mapping[str, Path]) -> dict[str, RecordingInfo]:
    """Where and when recordings were made, see `describe_recordings`.

    The table is `config.recordings_table`; else `recordings.csv` in the folder of the recordings;
    else their list, if it is a CSV with such columns; else there is none.

    Raises:
        AnnotationError: see `read_recordings_table`.
        ValueError: the time zone is none.
    """
    known = _known(_table_of_audio(config), paths)
    return describe_recordings(paths, known, _zone(config))


def infos_of_scores(
    config: DictConfig, scores: Scores, paths: Mapping[str, Path]
) -> dict[str, RecordingInfo]:
    """The same for recordings with scores, whose audio need not be there.

    Without a table of its own, it is the one that `predict` writes beside the scores.

    Args:
        config: of `detect`.
        scores: of windows; without audio and table, a recording ends with its last window.
        paths: of the audio; empty if none is given. Then a path is that of the table, if it does
            not depend on the current folder or is there.

    Returns:
        By recording, in the order of `paths`, else of the scores.

    Raises:
        AnnotationError: see `read_recordings_table`.
        ValueError: the time zone is none.
    """
    table = _table_of_audio(config)
    beside = None if config.scores is None else Path(config.scores).parent / RECORDINGS
    if table is None and beside is not None and beside.is_file():
        table = beside
    if paths:
        return describe_recordings(paths, _known(table, paths), _zone(config))
    names = {name: Path(name) for name in scores.recordings}
    known = _known(table, names)
    infos = describe_recordings(names, known, _zone(config), open_files=False)
    ends = scores.keys.groupby("recording_id")["t_max"].max()
    for name, info in infos.items():
        path = known[name].path if name in known else None
        sure = path is not None and (path.is_absolute() or path.is_file())
        duration_s = float(ends[name]) if info.duration_s is None else info.duration_s
        infos[name] = replace(info, path=path if sure else None, duration_s=duration_s)
    return infos


def write_summary(
    events: pd.DataFrame,
    infos: Mapping[str, RecordingInfo],
    scored: Sequence[str],
    folder: Path,
) -> None:
    """Writes `by_site.csv`, and `calls_by_hour.png` if there are events at known times.

    Args:
        events: see `by_site`.
        infos: see `by_site`.
        scored: see `by_site`.
        folder: receives both.
    """
    table = by_site(events, infos, scored)
    table.to_csv(folder / "by_site.csv", index=False, float_format="%.6g")
    if table.loc[table["date"] != "", "events"].sum() > 0:
        save_picture(draw_calls_by_hour(table, zone_name(infos)), folder / "calls_by_hour.png")
    else:
        _log.info("no picture of the hours: no event has a known time")


def _zone(config: DictConfig) -> tzinfo | None:
    return None if config.timezone is None else parse_zone(str(config.timezone))


def _known(table: Path | None, paths: Mapping[str, Path]) -> dict[str, RecordingInfo]:
    if table is None:
        return {}
    known = read_recordings_table(table, paths)
    _log.info("%s has lines about %d of %d recordings", table, len(known), len(paths))
    return known


def _table_of_audio(config: DictConfig) -> Path | None:
    if config.recordings_table is not None:
        return Path(config.recordings_table)
    if config.recordings is None:
        return None
    place = Path(config.recordings)
    if (place / RECORDINGS).is_file():
        return place / RECORDINGS
    is_list = place.is_file() and place.suffix.lower() == ".csv"
    return place if is_list and names_places(place) else None
