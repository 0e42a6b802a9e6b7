"""Where the truth is complete: recordings, spans of time and species whose every call is a row."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from rfcx_audio.data.recordings import without_ending
from rfcx_audio.data.rows import AnnotationError, few, listing
from rfcx_audio.data.table_text import frame_of, text_of

_COLUMNS = ("recording_id", "t_min", "t_max", "species")
_TOLERANCE_S = 1e-3  # windows end where samples do, tables are rounded
_END = float("inf")
_NUMBER = re.compile(r"s?\d+")


class CompleteSpan(NamedTuple):
    """A span of time in which every call of some species is a row.

    Attributes:
        recording: id of a recording, or a pattern such as `siteA/*`; `*` is every recording.
        t_min: start, s.
        t_max: end, s; infinite for the end of the recording.
        species: numbers; None for all.
    """

    recording: str
    t_min: float = 0.0
    t_max: float = _END
    species: frozenset[int] | None = None


@dataclass(frozen=True)
class Coverage:
    """Where the truth is complete: a species without a row is absent there, elsewhere unknown.

    >>> Coverage((CompleteSpan("dawn", t_max=60.0),)).whole("dawn", 60.0, num_species=2)
    tensor([True, True])

    Attributes:
        spans: any number; they may overlap and touch.
        with_patterns: whether names with `*`, `?` or `[` are patterns.
    """

    spans: tuple[CompleteSpan, ...] = ()
    with_patterns: bool = True

    def __bool__(self) -> bool:
        """Whether anything is complete."""
        return bool(self.spans)

    @cached_property
    def _by_name(self) -> dict[str, list[CompleteSpan]]:
        found: dict[str, list[CompleteSpan]] = {}
        for span in self.spans:
            found.setdefault(span.recording, []).append(span)
        return found

    @property
    def names(self) -> list[str]:
        """The recordings and patterns of the spans, each once."""
        return list(self._by_name)

    @cached_property
    def _patterns(self) -> list[CompleteSpan]:
        marked = set("*?[") if self.with_patterns else set[str]()
        return [span for span in self.spans if set(span.recording) & marked]

    def of(self, recording: str) -> list[CompleteSpan]:
        """The spans of a recording, by its name and by patterns."""
        matching = [s for s in self._patterns if fnmatchcase(recording, s.recording)]
        named = self._by_name.get(recording, [])
        return [*named, *(span for span in matching if span not in named)]

    def named(self, recordings: Iterable[str]) -> list[str]:
        """Those of the recordings that have a span, in their order."""
        return [name for name in recordings if self.of(name)]

    def within(self, durations_s: Mapping[str, float]) -> Coverage:
        """The same in some recordings: each span names one of them and ends within it.

        Args:
            durations_s: of the recordings by id; spans of others are left out.
        """
        found = [
            span._replace(recording=name, t_max=min(span.t_max, durations_s[name]))
            for name in sorted(durations_s)
            for span in self.of(name)
        ]
        return Coverage(tuple(span for span in found if span.t_min < span.t_max), False)

    def missed(self, recordings: Iterable[str]) -> list[str]:
        """The names and patterns that none of the recordings matches."""
        names = set(recordings)
        return [
            one
            for one in self._by_name
            if one not in names and not any(fnmatchcase(name, one) for name in names)
        ]

    def windows(
        self, recording: str, starts_s: Tensor, stops_s: Tensor, num_species: int
    ) -> Tensor:
        """Which species are complete in windows.

        Args:
            recording: that the windows are in.
            starts_s: (windows,) s.
            stops_s: (windows,) s; a window beyond a span is not complete.
            num_species: width of the answer.

        Returns:
            (windows, species) bool.
        """
        spans = self.of(recording)
        # Most species have the same spans: those are looked at once.
        alike: dict[tuple[CompleteSpan, ...], list[int]] = {}
        for number in range(num_species):
            own = [span for span in spans if span.species is None or number in span.species]
            alike.setdefault(tuple(own), []).append(number)
        complete = torch.zeros(len(starts_s), num_species, dtype=torch.bool)
        for own, numbers in alike.items():
            complete[:, numbers] = _inside(starts_s, stops_s, own)[:, None]
        return complete

    def whole(self, recording: str, duration_s: float, num_species: int) -> Tensor:
        """Which species are complete in a whole recording.

        Args:
            recording: id.
            duration_s: of it; infinite where it is unknown, which spans with an end do not cover.
            num_species: width of the answer.

        Returns:
            (species,) bool.
        """
        ends = torch.tensor([[0.0], [duration_s]], dtype=torch.float64)
        return self.windows(recording, ends[0], ends[1], num_species)[0]


NOWHERE = Coverage()
"""Partial truth: what no row labels is unknown."""

EVERYWHERE = Coverage((CompleteSpan("*"),))
"""Complete truth of all recordings that it is used for."""


def read_coverage(path: Path, names: Mapping[int, str]) -> Coverage:
    """Where a table states that the truth is complete.

    Args:
        path: a CSV with `recording_id` (an id, or a pattern such as `siteA/*`), and where wanted
            `t_min` and `t_max` (s; empty: start, end of the recording) and `species` (names with
            semicolons between them; empty: all species of the labels).
        names: of the labels' species by number; without any, species are named by their numbers.

    Raises:
        AnnotationError: the file is missing or no such table, or a row breaks a rule.
    """
    if not path.is_file():
        raise AnnotationError(
            f"complete={path} is no file; expected a CSV with recording_id, or true for all "
            "labelled recordings"
        )
    text = frame_of(path, text_of(path))
    found = [str(name) for name in text.columns.drop("line")]
    unknown = [name for name in found if name not in _COLUMNS]
    if "recording_id" not in found or unknown:
        raise AnnotationError(
            f"{path} line 1 has the columns {', '.join(found)}; expected recording_id, and where "
            f"wanted {', '.join(_COLUMNS[1:])}"
        )
    spans, faults = [], []
    for row in text.to_dict("records"):
        try:
            spans.append(_span({str(key): str(cell) for key, cell in row.items()}, names))
        except ValueError as error:
            faults.append(f"{path} line {row['line']}: {error}")
    if faults:
        raise AnnotationError(listing(faults))
    if not spans:
        raise AnnotationError(
            f"{path} names no recording; each line names one whose calls are all marked"
        )
    return Coverage(tuple(spans))


def _span(cells: Mapping[str, str], names: Mapping[int, str]) -> CompleteSpan:
    name = cells["recording_id"]
    if not name:
        raise ValueError("recording_id is empty; expected an id, or a pattern such as siteA/*")
    t_min = float(cells.get("t_min") or 0)
    t_max = float(cells.get("t_max") or _END)
    if not 0 <= t_min < t_max:
        raise ValueError(f"t_max = {t_max:g} s is not above t_min = {t_min:g} s; both count from 0")
    return CompleteSpan(
        without_ending(name), t_min, t_max, _numbers(cells.get("species", ""), names)
    )


def _numbers(text: str, names: Mapping[int, str]) -> frozenset[int] | None:
    """The species that a cell names; without any, all species of the labels."""
    if not text:
        return frozenset(names) or None
    wanted = [name.strip() for name in text.split(";") if name.strip()]
    by_name = {name: number for number, name in names.items()}
    if not names:
        by_name = {name: int(name.lstrip("s")) for name in wanted if _NUMBER.fullmatch(name)}
    unknown = [name for name in wanted if name not in by_name]
    if unknown:
        known = few(list(names.values())) if names else "numbers, such as 3 or s3"
        raise ValueError(f"species {few(unknown)} is unknown; the labels have {known}")
    return frozenset(by_name[name] for name in wanted)


def _inside(starts_s: Tensor, stops_s: Tensor, spans: Iterable[CompleteSpan]) -> Tensor:
    """(windows,) bool: which windows lie in one of the spans, or in several that touch."""
    merged: list[tuple[float, float]] = []
    for t_min, t_max in sorted((span.t_min, span.t_max) for span in spans):
        if merged and t_min <= merged[-1][1] + _TOLERANCE_S:
            merged[-1] = (merged[-1][0], max(t_max, merged[-1][1]))
        else:
            merged.append((t_min, t_max))
    inside = torch.zeros(len(starts_s), dtype=torch.bool)
    for t_min, t_max in merged:
        inside |= (starts_s >= t_min - _TOLERANCE_S) & (stops_s <= t_max + _TOLERANCE_S)
    return inside
