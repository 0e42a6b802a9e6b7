"""Which recording a row of a user's own tables is about, by the path that its table names."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import pandas as pd

from rfcx_audio.data.recordings import Recordings
from rfcx_audio.data.row_ends import into_the_next
from rfcx_audio.data.rows import AnnotationError, few, listing
from rfcx_audio.data.tables import PLACE_COLUMNS

_Key = tuple[str, str]  # what a table names, and the folder of the table
_log = logging.getLogger(__name__)
_HOW = (
    "give the rows a column with the folders too, such as Raven's Begin Path, and "
    "data.source.audio the folder above them"
)


class _Name(NamedTuple):
    """A recording as a table names it.

    Attributes:
        parts: folders and name.
        table: the folders of the table, below the place that was read.
        source: file and line, for messages.
    """

    parts: tuple[str, ...]
    table: tuple[str, ...]
    source: str

    @property
    def has_folder(self) -> bool:
        """Whether the table names a folder; without one, the recording may lie beside the table."""
        return len(self.parts) > 1

    @property
    def whole(self) -> tuple[str, ...]:
        """Folders and name; those of the table where it names none."""
        return self.parts if self.has_folder else (*self.table, *self.parts)

    def __str__(self) -> str:
        """As in a message."""
        return f"{self.source}: {'/'.join(self.parts)!r}"


class _Claim(NamedTuple):
    """A name that may be a recording's, and the number of its last parts that agree."""

    name: _Name
    common: int


def placed_rows(
    rows: pd.DataFrame, without_rows: pd.DataFrame, recordings: Recordings | Iterable[str] | None
) -> tuple[pd.DataFrame, tuple[str, ...], Mapping[str, str]]:
    """The rows of tables with the ids of their recordings.

    Args:
        rows: as `table_rows` returns them.
        without_rows: see `Tables`.
        recordings: see `match_recordings`; None: the name of a file is its id.

    Returns:
        The rows without `PLACE_COLUMNS`, `recording_id` being what the table names where there is
        no such recording; the recordings without a row; and, by recording that was not found, what
        is known of the reason.

    Raises:
        AnnotationError: see `match_recordings`.
    """
    if recordings is None:
        empty = sorted(set(without_rows["recording_id"]) - set(rows["recording_id"]))
        return rows.drop(columns=list(PLACE_COLUMNS)), tuple(empty), {}
    if not isinstance(recordings, Recordings):
        recordings = tuple(recordings)
    names = rows.assign(path=rows["source"])
    matched = match_recordings(pd.concat([names, without_rows]), recordings)
    ends = names[names["end_file"] != ""].assign(named=names["end_file"])
    in_next = match_recordings(ends, recordings)
    ends_in = [in_next.get(key, "") for key in zip(rows["end_file"], rows["folder"], strict=True)]
    ids, reasons = _ids(rows, matched, set(_places(recordings)))
    placed = rows.assign(recording_id=ids, ends_in=ends_in).drop(columns=list(PLACE_COLUMNS))
    if isinstance(recordings, Recordings):
        placed = into_the_next(placed, recordings.durations_s)
    keys = zip(without_rows["named"], without_rows["folder"], strict=True)
    empty = {matched[key] for key in keys if key in matched} - set(placed["recording_id"])
    return placed.drop(columns="ends_in"), tuple(sorted(empty)), reasons


def _ids(
    rows: pd.DataFrame, matched: Mapping[_Key, str], known: set[str]
) -> tuple[list[str], dict[str, str]]:
    """The recording of each row, or what its table names; why there is none, where it is known."""
    ids, reasons = [], {}
    for row in rows.itertuples():
        name = matched.get((str(row.named), str(row.folder)))
        if name is None:
            # Not the id of another file: rows must not be used for that.
            name = str(row.named) if row.recording_id in known else str(row.recording_id)
            if row.own_name:
                reasons[name] = (
                    f"{row.source} has no column for the recording ({row.own_name}), and no audio "
                    f"file is called {name!r}; name the column with "
                    "data.source.columns.recording_id=…, or call the table as its recording"
                )
        ids.append(name)
    return ids, reasons


def match_recordings(
    names: pd.DataFrame, recordings: Recordings | Iterable[str]
) -> dict[_Key, str]:
    r"""The recording of each name in tables; names without a recording are missing.

    Names agree from their end: `E:\cards\siteA\dawn.WAV` is `siteA/dawn` rather than
    `siteB/dawn`, and `dawn` where that is the only one. Of two files that one table names on the
    same disk, both called `dawn`, that with more folders in common is the recording, and the other
    has none. A table that names no folder is about the recording beside it, if there is one.

    Args:
        names: `named`, `folder`, `path`, `line`, see `Tables`.
        recordings: with their paths, or their ids (paths without endings).

    Returns:
        The id of the recording by (`named`, `folder`).

    Raises:
        AnnotationError: a name agrees with two recordings equally well, or two files of tables with
            one recording.
    """
    places = _places(recordings)
    claims, faults = _claims(names, places)
    matched: dict[_Key, str] = {}
    by_file_only = []
    for recording, mine in claims.items():
        kept = _kept(recording, list(mine.values()), faults)
        matched |= {key: recording for key, claim in mine.items() if claim in kept}
        if len(places[recording]) > 1:
            apart = [claim.name for claim in kept if claim.name.has_folder and claim.common == 1]
            by_file_only += [(name, recording) for name in apart]
    if faults:
        raise AnnotationError(listing(faults))
    if by_file_only:
        _log.info(
            "%d names of recordings agree with the audio in the name of the file only, and have "
            "other folders; the first, %s, is taken for %r",
            len(by_file_only),
            *by_file_only[0],
        )
    return matched


def _claims(
    names: pd.DataFrame, places: Mapping[str, tuple[str, ...]]
) -> tuple[dict[str, dict[_Key, _Claim]], list[str]]:
    """By recording, the names that agree best with it; and what is wrong with others."""
    by_last: dict[str, list[str]] = {}
    for recording, parts in places.items():
        by_last.setdefault(parts[-1], []).append(recording)
    claims: dict[str, dict[_Key, _Claim]] = {}
    faults = []
    for row in names.drop_duplicates(["named", "folder"]).itertuples():
        key = (str(row.named), str(row.folder))
        source = f"{Path(str(row.path)).name} line {row.line}"
        name = _Name(tuple(key[0].split("/")), PurePosixPath(key[1]).parts, source)
        best = _best(name, by_last.get(name.parts[-1], []), places)
        if len(best) > 1:
            faults.append(f"{name} may be {few(sorted(best))}; {_HOW}")
        for recording, common in best.items():
            claims.setdefault(recording, {})[key] = _Claim(name, common)
    return claims, faults


def _places(recordings: Recordings | Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The parts of the path of each recording by its id."""
    if not isinstance(recordings, Recordings):
        return {name: PurePosixPath(name).parts for name in recordings}
    return {name: place.parts for name, place in recordings.places.items()}


def _best(
    name: _Name, candidates: list[str], places: Mapping[str, tuple[str, ...]]
) -> dict[str, int]:
    """The recordings that agree best with a name, and in how many parts."""
    itself = "/".join(name.whole)
    if itself in places:
        return {itself: len(name.whole)}
    common = {one: _common(name.whole, places[one]) for one in candidates}
    best = {one: number for one, number in common.items() if number == max(common.values())}
    below = {one: number for one, number in best.items() if _is_below(one, name.table)}
    return below if len(below) == 1 and not name.has_folder else best


def _kept(recording: str, claims: list[_Claim], faults: list[str]) -> list[_Claim]:
    """The names that are this recording's; those of other files are left out or are `faults`."""
    kept = [claim for claim in claims if claim.name.table == () and not claim.name.has_folder]
    disks: dict[str, list[_Claim]] = {}
    for claim in (claim for claim in claims if claim.name.has_folder):
        first = claim.name.parts[0]
        disks.setdefault(first if first in ("", first[:1] + ":") else ".", []).append(claim)
    for on_disk in disks.values():
        most = max(claim.common for claim in on_disk)
        nearest = [claim for claim in on_disk if claim.common == most]
        longest = max(nearest, key=lambda claim: len(claim.name.parts)).name
        others = [c.name for c in nearest if longest.parts[-len(c.name.parts) :] != c.name.parts]
        faults += [
            f"{longest} and {other} are two files, and either may be recording {recording!r}; "
            f"{_HOW}. If they are one, name a column without folders: "
            "data.source.columns.recording_id='Begin File'"
            for other in others[:1]
        ]
        kept += nearest
    alone = [claim for claim in claims if claim.name.table and not claim.name.has_folder]
    beside = [
        claim for claim in alone if claim.common > 1 or _is_below(recording, claim.name.table)
    ]
    apart = (
        [] if any(claim.common > 1 for claim in beside) else [c for c in alone if c not in beside]
    )
    others = [claim for claim in apart if claim.name.table != apart[0].name.table]
    faults += [
        f"{apart[0].name} and {other.name} stand in tables of different folders, and either may be "
        f"recording {recording!r}; {_HOW}"
        for other in others[:1]
    ]
    return [*kept, *beside, *apart]


def _common(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    """How many parts of two paths are equal, from their end."""
    pairs = zip(reversed(one), reversed(other), strict=False)
    return next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def _is_below(recording: str, folder: tuple[str, ...]) -> bool:
    """Whether a recording's id lies in a folder, or deeper."""
    return bool(folder) and PurePosixPath(recording).parts[: len(folder)] == folder
