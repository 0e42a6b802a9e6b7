"""Crops of annotated recordings, for training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.utils.data import Dataset

from rfcx_audio.batch import (
    CropLabels,
    Failure,
    Labels,
    PlacedBatch,
    Rows,
    WaveformBatch,
    unknown_labels,
)
from rfcx_audio.data.audio import AudioError, AudioReader
from rfcx_audio.data.coverage import NOWHERE, Coverage
from rfcx_audio.data.crops import background_start, crop_start
from rfcx_audio.data.labels import (
    boxes_in,
    crop_windows,
    joined,
    label_windows,
    rows_by_recording,
    rows_of,
    stack_boxes,
    true_windows,
)
from rfcx_audio.data.pasting import draw_paste, pasted_window
from rfcx_audio.data.recordings import Recordings
from rfcx_audio.data.sampler import BACKGROUND, CropRecipe, Draw
from rfcx_audio.data.soft_labels import NO_SOFT_LABELS, SoftLabels, with_soft
from rfcx_audio.data.stretches import Stretch, place_of


class Crop(NamedTuple):
    """One training example: a `WaveformBatch` of one, without its first axis.

    Where its audio is resident in memory, it has a place there (block, offset) and no samples.
    """

    waveform: Tensor
    labels: CropLabels
    seed: int
    place: tuple[int, int] | None = None


class CropDataset(Dataset[Crop | Failure]):
    """Crops of annotated recordings, one for each `Draw`.

    Args:
        rows: with audio; every row of a recording labels the crops that it covers.
        recordings: their audio.
        reader: of the audio.
        recipe: how crops are cut and labelled.
        num_species: width of the labels.
        calls: every call of these recordings, where that is known.
        resident: the stretches of recordings that are in memory already, by recording; crops of
            them are not read.
        coverage: where the rows are all calls, see `Coverage.within`; a draw counts its spans
            behind the rows, and a crop of one lies in it.
        soft: targets of what is unknown; a draw counts its recordings behind the spans, and a crop
            of one lies anywhere in it.

    Raises:
        ValueError: the recipe wants the truth for supervision, and there is none.
    """

    def __init__(
        self,
        rows: pd.DataFrame,
        recordings: Recordings,
        reader: AudioReader,
        recipe: CropRecipe,
        num_species: int,
        calls: pd.DataFrame | None = None,
        resident: Mapping[str, Sequence[Stretch]] | None = None,
        coverage: Coverage = NOWHERE,
        soft: SoftLabels = NO_SOFT_LABELS,
    ) -> None:
        recipe.check_truth(known=calls is not None)
        self.soft = soft
        spans = coverage.spans
        self.recording_ids = [
            *rows["recording_id"],
            *(span.recording for span in spans),
            *self.soft.spans,
        ]
        whole = [(0.0, recordings.durations_s[name]) for name in self.soft.spans]
        times = np.array([*((one.t_min, one.t_max) for one in spans), *whole]).reshape(-1, 2)
        self.boxes = np.concatenate([rows[["t_min", "t_max"]].to_numpy(dtype=float), times])
        self.rows, self.num_rows = rows.reset_index(drop=True), len(rows)
        own = ~rows["pseudo"].astype(bool) if "pseudo" in rows else True
        self.can_paste = (rows["present"] & (rows["weight"] == 1) & own).to_numpy()
        self.recordings = recordings
        self.num_places = len(rows) + len(spans)
        self.coverage = coverage
        self.by_recording = rows_by_recording(rows)
        self.names = list(self.by_recording)
        self.calls = (
            None if calls is None else rows_by_recording(calls.assign(present=True, weight=1))
        )
        self.no_calls = rows_of(rows.iloc[:0])
        self.paths = recordings.paths
        self.durations_s = recordings.durations_s
        self.reader = reader
        self.recipe = recipe
        self.num_species = num_species
        self.resident = resident or {}
        self.window_starts_s, self.window_durations_s = crop_windows(
            torch.zeros(1, dtype=torch.float64), recipe.duration_s, recipe.num_frames
        )

    def __getitem__(self, draw: Draw) -> Crop | Failure:
        """The crop of a draw, or why its recording cannot be used."""
        rng = np.random.default_rng(draw.seed)
        if self._pastes(draw, rng):
            return self._pasted(draw, rng)
        name, start_s = self._place(draw, rng)
        place = self._in_memory(name, start_s)
        samples = np.empty(0, np.float32)
        if place is None:
            try:
                samples = self.reader.read(self.paths[name], start_s, self.recipe.duration_s)
            except AudioError as error:
                return Failure(name, str(error))
        own = torch.tensor([draw.row]) if draw.row < self.num_rows else no_row()
        labels = self._labels(name, start_s)._replace(rows=own)
        return Crop(torch.from_numpy(samples), labels, draw.seed, place)

    def _pastes(self, draw: Draw, rng: np.random.Generator) -> bool:
        """Whether the call of a draw's row is pasted onto other sound."""
        # The truth of the other recording is no truth of what is pasted onto it.
        share = 0.0 if self.recipe.supervision == "truth" else self.recipe.pasted_share
        is_confirmed = 0 <= draw.row < self.num_rows and bool(self.can_paste[draw.row])
        return share > 0 and is_confirmed and rng.random() < share

    def _pasted(self, draw: Draw, rng: np.random.Generator) -> Crop | Failure:
        """A crop of another recording with the call of a row, which joins the rows there."""
        row, duration_s = self.rows.iloc[draw.row], self.recipe.duration_s
        length_s = min(row["t_max"] - row["t_min"], duration_s)
        paste = draw_paste(self.names, self.durations_s, duration_s, length_s, rng)
        try:
            window = pasted_window(self.reader, self.recordings, row, paste, duration_s)
        except AudioError as error:
            return Failure(row["recording_id"], str(error))
        name, start_s = paste.background_id, paste.background_s
        t_min = start_s + paste.offset_s
        call = rows_of(row.to_frame().T.assign(t_min=t_min, t_max=t_min + length_s))
        labels = self._labels(name, start_s, call, without_absences=bool(row.get("whole_band")))
        # The memory of the row is of its own recording.
        return Crop(torch.from_numpy(window), labels._replace(rows=no_row()), draw.seed)

    def _in_memory(self, name: str, start_s: float) -> tuple[int, int] | None:
        if name not in self.resident:
            return None
        start, length = map(self.reader.num_samples, (start_s, self.recipe.duration_s))
        return place_of(self.resident[name], start, length)

    def _labels(
        self,
        name: str,
        start_s: float,
        pasted: Rows | None = None,
        without_absences: bool = False,
    ) -> CropLabels:
        """The labels of a crop, with a pasted call too.

        What comes with the call may be any species: where the recording is complete, it no longer
        is, and its calls are not all there are. Of a call without a band, nothing stays absent.
        """
        recipe, own = self.recipe, self.by_recording.get(name, self.no_calls)
        if without_absences:
            own = Rows(*(part[own.present] for part in own))
        rows = own if pasted is None else joined(own, pasted)
        starts, durations = start_s + self.window_starts_s, self.window_durations_s
        size = (self.num_species, recipe.min_overlap)
        boxes = boxes_in(rows, start_s, recipe.duration_s)
        known = None if pasted is not None else self.calls
        calls = None if known is None else known.get(name, self.no_calls)
        if calls is not None and recipe.supervision == "truth":
            clip, frames = _clip_and_frames(true_windows(calls, starts, durations, *size))
            return CropLabels(clip, frames, boxes, clip)
        if calls is None:
            truth = Labels(torch.zeros(self.num_species), torch.zeros(self.num_species))
        else:
            truth, _ = _clip_and_frames(true_windows(calls, starts[:1], durations[:1], *size))
        stops = (starts + durations).clamp(max=self.durations_s[name])  # silence behind the end
        coverage = self.coverage if pasted is None else NOWHERE
        complete = coverage.windows(name, starts, stops, self.num_species)
        clip, frames = _clip_and_frames(label_windows(rows, starts, durations, *size, complete))
        if name in self.soft.spans:
            clip, frames = self._with_soft(name, start_s, clip, frames)
        return CropLabels(clip, frames, boxes, truth)

    def _with_soft(
        self, name: str, start_s: float, clip: Labels, frames: Labels
    ) -> tuple[Labels, Labels]:
        """The labels of a crop and its frames, with soft targets where nothing is known."""
        duration_s, weight = self.recipe.duration_s, self.recipe.soft.weight
        start = torch.tensor([start_s], dtype=torch.float64)
        clip = with_soft(clip, self.soft.clip(name, start, duration_s)[0], weight)
        if self.soft.localise(duration_s):
            middles = start + self.window_starts_s[1:] + self.window_durations_s[1:] / 2
            frames = with_soft(frames, self.soft.frame(name, middles), weight)
        return clip, frames

    def _place(self, draw: Draw, rng: np.random.Generator) -> tuple[str, float]:
        duration_s, recording_s = self.recipe.duration_s, self.durations_s
        if draw.row != BACKGROUND:
            name = self.recording_ids[draw.row]
            t_min, t_max = self.boxes[draw.row]
            if draw.row >= self.num_places and not self.soft.localise(duration_s):
                # Its targets are of windows: the crop is one of them.
                return name, float(rng.choice(self.soft.spans[name].starts_s.numpy()))
            return name, crop_start(t_min, t_max, duration_s, recording_s[name], rng)
        for name in rng.permutation(self.names):
            rows = self.by_recording[name]
            spans = np.stack([rows.t_min.numpy(), rows.t_max.numpy()], axis=1)
            start = background_start(spans, duration_s, recording_s[name], rng)
            if start is not None:
                return str(name), start
        raise ValueError(
            f"no recording has {duration_s} s without an annotation; set "
            "data.crops.background_share=0 or lower data.crop_duration_s"
        )


def no_row() -> Tensor:
    """(1,): of a crop that has no row's memory."""
    return torch.tensor([BACKGROUND])


def _clip_and_frames(windows: Labels) -> tuple[Labels, Labels]:
    """The first of the windows, which is the whole crop, and the others, its frames."""
    target, known = windows
    return Labels(target[0], known[0]), Labels(target[1:], known[1:])


def collate_crops(items: list[Crop | Failure]) -> WaveformBatch:
    """A batch of the crops that could be read; the others are named in `failures`."""
    crops, failures = _parted(items)
    if not crops:
        return WaveformBatch(torch.zeros(0, 0), unknown_labels(0, 0, 0), 0, failures)
    waveform = torch.stack([crop.waveform for crop in crops])
    return WaveformBatch(waveform, _labels_of(crops), crops[0].seed, failures)


def collate_placed(items: list[Crop | Failure]) -> PlacedBatch | WaveformBatch:
    """As `collate_crops`, where audio is resident; a batch without crops has no places either."""
    crops, failures = _parted(items)
    if not crops:
        return collate_crops(items)
    read = [crop.waveform for crop in crops if crop.place is None]
    return PlacedBatch(
        places=np.array([crop.place or (-1, 0) for crop in crops], dtype=np.int64),
        waveform=torch.stack(read) if read else torch.zeros(0, 0),
        labels=_labels_of(crops),
        seed=crops[0].seed,
        failures=failures,
    )


def _parted(items: list[Crop | Failure]) -> tuple[list[Crop], tuple[Failure, ...]]:
    crops = [item for item in items if isinstance(item, Crop)]
    return crops, tuple(item for item in items if isinstance(item, Failure))


def _labels_of(crops: list[Crop]) -> CropLabels:
    labels = [crop.labels for crop in crops]
    return CropLabels(
        clip=_stack([one.clip for one in labels]),
        frame=_stack([one.frame for one in labels]),
        boxes=stack_boxes([one.boxes for one in labels]),
        truth=_stack([one.truth for one in labels]),
        rows=torch.stack([one.rows for one in labels if one.rows is not None]),
    )


def _stack(labels: list[Labels]) -> Labels:
    return Labels(*(torch.stack(part) for part in zip(*labels, strict=True)))
