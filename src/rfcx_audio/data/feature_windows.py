"""The crops of stored features that rows label, with their labels, made once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional

from rfcx_audio.batch import Labels, Rows, unknown_labels
from rfcx_audio.data.coverage import CompleteSpan, Coverage
from rfcx_audio.data.feature_crops import LabelledWindows
from rfcx_audio.data.labels import (
    crop_windows,
    label_windows,
    rows_by_recording,
    rows_of,
    true_windows,
)
from rfcx_audio.data.sampler import CropRecipe
from rfcx_audio.data.soft_labels import NO_SOFT_LABELS, SoftLabels, with_soft

_ROUNDING_S = 1e-3  # windows end where samples do, tables are rounded


class Grid(NamedTuple):
    """Where crops of stored features can begin.

    Attributes:
        frames: windows of the store in a crop.
        hop_s: from one window of the store to the next, s.
    """

    frames: int
    hop_s: float

    def starts_s(self, total: int) -> Tensor:
        """The starts of all crops of a recording of so many windows: (crops,) float64 s."""
        return torch.arange(max(1, total - self.frames + 1), dtype=torch.float64) * self.hop_s


@dataclass(frozen=True)
class Known:
    """What is known of recordings to train on.

    Attributes:
        rows: of these recordings, numbered from 0.
        coverage: where the rows are all calls, see `Coverage.within`.
        calls: every call of these recordings, where that is known; else None.
        durations_s: of the recordings.
        num_species: width of the labels.
        soft: targets of what is unknown.
    """

    rows: pd.DataFrame
    coverage: Coverage
    calls: pd.DataFrame | None
    durations_s: Mapping[str, float]
    num_species: int
    soft: SoftLabels = NO_SOFT_LABELS

    @cached_property
    def all_rows(self) -> Rows:
        """The rows as tensors."""
        return rows_of(self.rows)

    @cached_property
    def numbers(self) -> dict[str, np.ndarray]:
        """Which rows each recording has."""
        found = self.rows.groupby("recording_id").indices
        return {str(name): np.asarray(own) for name, own in found.items()}

    @cached_property
    def spans(self) -> dict[str, list[tuple[int, CompleteSpan]]]:
        """The spans of each recording, numbered behind the rows."""
        found: dict[str, list[tuple[int, CompleteSpan]]] = {}
        for number, span in enumerate(self.coverage.spans, start=len(self.rows)):
            found.setdefault(span.recording, []).append((number, span))
        return found

    @cached_property
    def soft_numbers(self) -> dict[str, int]:
        """The place of each recording with soft labels, numbered behind the spans."""
        first = len(self.rows) + len(self.coverage.spans)
        return {name: first + place for place, name in enumerate(self.soft.spans)}

    @cached_property
    def calls_of(self) -> dict[str, Rows]:
        """The calls of each recording, where they are known."""
        calls = self.rows.iloc[:0] if self.calls is None else self.calls
        return rows_by_recording(calls.assign(present=True, weight=1.0))

    def rows_in(self, numbers: np.ndarray) -> Rows:
        """Some of the rows."""
        which = torch.from_numpy(numbers)
        return Rows(*(part[which] for part in self.all_rows))


class _Part(NamedTuple):
    """The crops of one recording: their windows, labels, boxes; and which ones places label."""

    first: np.ndarray
    labels: tuple[Labels, Labels, Labels]  # of clips, frames, truth
    touching: Tensor
    choices: dict[int, np.ndarray]
    background: np.ndarray
    unlabelled: int


def labelled_windows(
    known: Known, totals: Mapping[str, int], grid: Grid, recipe: CropRecipe
) -> LabelledWindows:
    """The crops of stored features that rows and complete spans label.

    Args:
        known: of the recordings.
        totals: windows of each of them in the store.
        grid: where crops can begin.
        recipe: how crops are chosen and labelled.

    Raises:
        ValueError: the recipe wants the truth for supervision, and there is none.
    """
    recipe.check_truth(known=known.calls is not None)
    names = sorted({*known.numbers, *known.spans, *known.soft_numbers})
    parts = [_part(known, name, grid.starts_s(totals[name]), recipe) for name in names]
    before = np.cumsum([0, *(len(part.first) for part in parts)])
    choices: dict[int, np.ndarray] = {}
    for part, place in zip(parts, before[:-1], strict=True):
        choices |= {number: place + crops for number, crops in part.choices.items()}
    width = max(part.touching.shape[1] for part in parts)
    touching = [
        functional.pad(p.touching, (0, width - p.touching.shape[1]), value=-1) for p in parts
    ]
    first = np.concatenate([part.first for part in parts])
    clip, frame, truth = (
        Labels(*(torch.cat(side) for side in zip(*kind, strict=True)))
        for kind in zip(*(part.labels for part in parts), strict=True)
    )
    return LabelledWindows(
        recordings=names,
        recording=np.repeat(np.arange(len(names)), np.diff(before)),
        first=first,
        starts_s=torch.from_numpy(first) * grid.hop_s,
        clip=clip,
        frame=frame,
        truth=truth,
        rows=known.all_rows,
        touching=torch.cat(touching),
        choices=[choices[number] for number in range(len(choices))],
        background=[
            place + part.background
            for part, place in zip(parts, before[:-1], strict=True)
            if len(part.background)
        ],
        unlabelled=sum(part.unlabelled for part in parts),
    )


def _part(known: Known, name: str, starts_s: Tensor, recipe: CropRecipe) -> _Part:
    """The crops of one recording, of which `starts_s` are the starts of all that there are."""
    numbers, spans = known.numbers.get(name, np.empty(0, int)), known.spans.get(name, [])
    rows, duration_s = known.rows_in(numbers), recipe.duration_s
    # A span labels a crop that lies in it, as a row does that fills it.
    t_min = torch.tensor([span.t_min for _, span in spans], dtype=torch.float64)
    t_max = torch.tensor([span.t_max for _, span in spans], dtype=torch.float64)
    end_s = known.durations_s[name]
    inside = _shared(t_min, t_max, starts_s, duration_s)
    whole = (starts_s + duration_s).clamp(max=end_s) - starts_s
    held = _shared(rows.t_min, rows.t_max, starts_s, duration_s)
    shorter = (rows.t_max - rows.t_min).clamp(max=duration_s)
    covers = torch.cat(
        [held >= recipe.min_overlap * shorter - 1e-9, inside >= whole[:, None] - _ROUNDING_S], 1
    )
    best = torch.cat([held, inside], 1).argmax(0)
    chosen = [
        np.flatnonzero(covers[:, place]) if covers[:, place].any() else best[place, None].numpy()
        for place in range(covers.shape[1])
    ]
    silent = np.empty(0, int)
    if recipe.background_share and len(numbers):
        silent = np.flatnonzero((held <= 0).all(1) & (starts_s + duration_s <= end_s + _ROUNDING_S))
    places = [*numbers.tolist(), *(number for number, _ in spans)]
    if name in known.soft_numbers:  # any crop that lies in the recording
        places.append(known.soft_numbers[name])
        within = np.flatnonzero(starts_s + duration_s <= end_s + _ROUNDING_S)
        chosen.append(within if len(within) else np.zeros(1, int))
    first = np.unique(np.concatenate([*chosen, silent]))
    return _Part(
        first,
        _labels(known, name, rows, starts_s[first], recipe),
        _touching(held[first] > 0, numbers),
        {one: np.searchsorted(first, crops) for one, crops in zip(places, chosen, strict=True)},
        np.searchsorted(first, silent),
        int((~covers.any(0)).sum()),
    )


def _shared(t_min: Tensor, t_max: Tensor, starts_s: Tensor, duration_s: float) -> Tensor:
    """How much of each span of time lies in each crop: (crops, spans) s, negative for a gap."""
    starts = starts_s[:, None]
    return torch.minimum(t_max, starts + duration_s) - torch.maximum(t_min, starts)


def _labels(
    known: Known, name: str, rows: Rows, starts_s: Tensor, recipe: CropRecipe
) -> tuple[Labels, Labels, Labels]:
    """The labels of crops, of their label frames, and their truth; see `CropDataset`."""
    starts, durations = crop_windows(starts_s, recipe.duration_s, recipe.num_frames)
    settings = (starts, durations, known.num_species, recipe.min_overlap)
    shape = (len(starts_s), recipe.num_frames + 1, known.num_species)
    truth = unknown_labels(len(starts_s), known.num_species).truth
    if known.calls is not None:
        calls = known.calls_of.get(name, known.rows_in(np.empty(0, int)))
        true_ones = [part.view(shape) for part in true_windows(calls, *settings)]
        truth = Labels(*(part[:, 0] for part in true_ones))
        if recipe.supervision == "truth":
            return truth, Labels(*(part[:, 1:] for part in true_ones)), truth
    complete = None
    if known.coverage:
        stops = (starts + durations).clamp(max=known.durations_s[name])  # silence behind the end
        complete = known.coverage.windows(name, starts, stops, known.num_species)
    target, weight = (part.view(shape) for part in label_windows(rows, *settings, complete))
    clip, frame = (Labels(target[:, at], weight[:, at]) for at in (0, slice(1, None)))
    if name in known.soft.spans:
        targets = known.soft.clip(name, starts_s, recipe.duration_s)
        clip = with_soft(clip, targets, recipe.soft.weight)
    return clip, frame, truth


def _touching(touches: Tensor, numbers: Sequence[int] | np.ndarray) -> Tensor:
    """The rows that touch each crop: (crops, rows) bool -> (crops, boxes) of `numbers`, then -1."""
    order = torch.argsort(touches.int(), dim=1, descending=True, stable=True)
    width = int(touches.sum(1).max()) if touches.numel() else 0
    order = order[:, :width]
    found = torch.as_tensor(numbers)[order] if width else order
    return torch.where(touches.gather(1, order), found, -1)
