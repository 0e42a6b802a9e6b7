"""The crops of stored features that rows label, with their labels, made once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional

from rfcx_audio.batch import Boxes, CropLabels, Labels, Rows, unknown_labels
from rfcx_audio.data.coverage import CompleteSpan, Coverage
from rfcx_audio.data.labels import (
    crop_windows,
    label_windows,
    rows_by_recording,
    rows_of,
    true_windows,
)
from rfcx_audio.data.pasted_windows import PastedLabels
from rfcx_audio.data.sampler import SEEDS, CropRecipe

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
    """

    rows: pd.DataFrame
    coverage: Coverage
    calls: pd.DataFrame | None
    durations_s: Mapping[str, float]
    num_species: int

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
    def calls_of(self) -> dict[str, Rows]:
        """The calls of each recording, where they are known."""
        calls = self.rows.iloc[:0] if self.calls is None else self.calls
        return rows_by_recording(calls.assign(present=True, weight=1.0))

    def rows_in(self, numbers: np.ndarray) -> Rows:
        """Some of the rows."""
        which = torch.from_numpy(numbers)
        return Rows(*(part[which] for part in self.all_rows))


@dataclass(frozen=True)
class LabelledWindows:
    """The crops that can be drawn, and what is known of each.

    Attributes:
        recordings: ids, of the recordings with rows or spans.
        recording: (crops,) int64, place in `recordings`.
        first: (crops,) int64, the crop's first window in the store, counted in its recording.
        starts_s: (crops,) float64, s.
        clip: (crops, species) twice.
        frame: (crops, label frames, species) twice.
        truth: (crops, species) twice.
        rows: all rows.
        touching: (crops, boxes) int64, the rows that touch each crop; -1 for no further one.
        choices: for each row, then each span, the crops that it labels; for one that labels none,
            the crop that holds most of it.
        background: by recording with rows, the crops that no row touches.
        unlabelled: how many rows and spans label no crop.
        pasted: of rows, the crops with their call pasted onto other sound, which stand behind those
            of `first`.
        pasted_share: of a row's draws, those of its pasted crops, where it has any.
    """

    recordings: list[str]
    recording: np.ndarray
    first: np.ndarray
    starts_s: Tensor
    clip: Labels
    frame: Labels
    truth: Labels
    rows: Rows
    touching: Tensor
    choices: list[np.ndarray]
    background: list[np.ndarray]
    unlabelled: int
    pasted: Mapping[int, np.ndarray] = field(default_factory=dict)
    pasted_share: float = 0.0

    def chosen(self, place: int, seed: int) -> int:
        """The crop of a draw, see `Draw`; of background where `place` is below 0.

        Raises:
            ValueError: background is drawn, and rows touch every crop.
        """
        if place >= 0:
            # The seed's high digits choose the kind, its low ones the crop.
            pasted = place in self.pasted and seed < self.pasted_share * SEEDS
            crops = self.pasted[place] if pasted else self.choices[place]
            return int(crops[seed % len(crops)])
        if not self.background:
            raise ValueError(
                "no recording has a window without an annotation; set data.crops.background_share=0"
            )
        crops = self.background[seed % len(self.background)]
        return int(crops[seed // len(self.background) % len(crops)])

    def with_pasted(
        self, row_of: np.ndarray, labels: PastedLabels, share: float
    ) -> LabelledWindows:
        """The same, and crops with pasted calls.

        Args:
            row_of: (crops,) int64, the row of each pasted call.
            labels: of the crops.
            share: see `pasted_share`.
        """
        count, before = len(self.starts_s), len(self.rows.species)
        nothing = Labels(torch.zeros_like(labels.clip.target), torch.zeros_like(labels.clip.known))
        width = max(self.touching.shape[1], labels.touching.shape[1])
        moved = torch.where(labels.touching >= 0, labels.touching + before, -1)
        touching = [
            functional.pad(part, (0, width - part.shape[1]), value=-1)
            for part in (self.touching, moved)
        ]
        order = np.argsort(row_of, kind="stable")
        found, firsts = np.unique(row_of[order], return_index=True)
        return replace(
            self,
            starts_s=torch.cat([self.starts_s, torch.zeros(len(row_of), dtype=torch.float64)]),
            clip=_joined(self.clip, labels.clip),
            frame=_joined(self.frame, labels.frame),
            truth=_joined(self.truth, nothing),
            rows=Rows(*(torch.cat(pair) for pair in zip(self.rows, labels.rows, strict=True))),
            touching=torch.cat(touching),
            pasted=dict(zip(found.tolist(), np.split(count + order, firsts[1:]), strict=True)),
            pasted_share=share,
        )

    def labels(self, crops: Tensor) -> CropLabels:
        """The labels of crops, boxes in s from the start of the crop and in Hz.

        Args:
            crops: (batch,) int64.
        """
        which, start_s = self.touching[crops], self.starts_s[crops, None]  # (batch, boxes)
        found = which >= 0
        values = {name: getattr(self.rows, name)[which * found] for name in Boxes._fields}
        values |= {name: values[name] - start_s for name in ("t_min", "t_max")}
        values = {
            name: torch.where(found, value, torch.zeros_like(value))
            for name, value in values.items()
        }
        values |= {name: values[name].float() for name in ("t_min", "t_max", "f_min", "f_max")}
        values |= {"species": torch.where(found, values["species"], -1)}
        clip, frame, truth = (
            Labels(one.target[crops], one.known[crops])
            for one in (self.clip, self.frame, self.truth)
        )
        return CropLabels(clip, frame, Boxes(**values), truth)


def _joined(first: Labels, second: Labels) -> Labels:
    return Labels(*(torch.cat(pair) for pair in zip(first, second, strict=True)))


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
    names = sorted({*known.numbers, *known.spans})
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
    first = np.unique(np.concatenate([*chosen, silent]))
    places = [*numbers.tolist(), *(number for number, _ in spans)]
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
    return clip, frame, truth


def _touching(touches: Tensor, numbers: Sequence[int] | np.ndarray) -> Tensor:
    """The rows that touch each crop: (crops, rows) bool -> (crops, boxes) of `numbers`, then -1."""
    order = torch.argsort(touches.int(), dim=1, descending=True, stable=True)
    width = int(touches.sum(1).max()) if touches.numel() else 0
    order = order[:, :width]
    found = torch.as_tensor(numbers)[order] if width else order
    return torch.where(touches.gather(1, order), found, -1)
