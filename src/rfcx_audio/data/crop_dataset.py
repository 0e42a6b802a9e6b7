"""Crops of annotated recordings, for training."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.utils.data import Dataset

from rfcx_audio.batch import CropLabels, Failure, Labels, WaveformBatch, unknown_labels
from rfcx_audio.data.audio import AudioError, AudioReader
from rfcx_audio.data.crops import background_start, crop_start
from rfcx_audio.data.labels import (
    boxes_in,
    label_windows,
    rows_by_recording,
    rows_of,
    stack_boxes,
    true_windows,
)
from rfcx_audio.data.sampler import BACKGROUND, CropRecipe, Draw
from rfcx_audio.data.source import Recordings


class Crop(NamedTuple):
    """One training example: a `WaveformBatch` of one, without its first axis."""

    waveform: Tensor
    labels: CropLabels
    seed: int


class CropDataset(Dataset[Crop | Failure]):
    """Crops of annotated recordings, one for each `Draw`.

    Args:
        rows: with audio; every row of a recording labels the crops that it speaks of.
        recordings: their audio.
        reader: of the audio.
        recipe: how crops are cut and labelled.
        num_species: width of the labels.
        calls: every call of these recordings, where that is known.

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
    ) -> None:
        if recipe.supervision == "truth" and calls is None:
            raise ValueError(
                "crops.supervision=truth needs a truth.csv with every call of the training "
                "recordings; choose crops.supervision=rows"
            )
        self.recording_ids = rows["recording_id"].to_list()
        self.boxes = rows[["t_min", "t_max"]].to_numpy()
        self.by_recording = rows_by_recording(rows)
        self.calls = (
            None if calls is None else rows_by_recording(calls.assign(present=True, weight=1))
        )
        self.no_calls = rows_of(rows.iloc[:0])
        self.paths = recordings.paths
        self.durations_s = recordings.durations_s
        self.reader = reader
        self.recipe = recipe
        self.num_species = num_species

    def __getitem__(self, draw: Draw) -> Crop | Failure:
        """The crop of a draw, or why its recording cannot be used."""
        rng = np.random.default_rng(draw.seed)
        name, start_s = self._place(draw, rng)
        try:
            samples = self.reader.read(self.paths[name], start_s, self.recipe.duration_s)
        except AudioError as error:
            return Failure(name, str(error))
        return Crop(torch.from_numpy(samples), self._labels(name, start_s), draw.seed)

    def _labels(self, name: str, start_s: float) -> CropLabels:
        recipe, rows = self.recipe, self.by_recording[name]
        frames = recipe.num_frames
        frame_s = recipe.duration_s / frames
        start = torch.tensor([start_s], dtype=torch.float64)
        starts = start_s + frame_s * torch.arange(frames, dtype=torch.float64)
        size = (self.num_species, recipe.min_overlap)
        boxes = boxes_in(rows, start_s, recipe.duration_s)
        if self.calls is None:
            truth = Labels(torch.zeros(self.num_species), torch.zeros(self.num_species))
        else:
            calls = self.calls.get(name, self.no_calls)
            truth = _first(true_windows(calls, start, recipe.duration_s, *size))
            if recipe.supervision == "truth":
                return CropLabels(truth, true_windows(calls, starts, frame_s, *size), boxes, truth)
        clip = _first(label_windows(rows, start, recipe.duration_s, *size))
        return CropLabels(clip, label_windows(rows, starts, frame_s, *size), boxes, truth)

    def _place(self, draw: Draw, rng: np.random.Generator) -> tuple[str, float]:
        duration_s, recording_s = self.recipe.duration_s, self.durations_s
        if draw.row != BACKGROUND:
            name = self.recording_ids[draw.row]
            t_min, t_max = self.boxes[draw.row]
            return name, crop_start(t_min, t_max, duration_s, recording_s[name], rng)
        names = list(self.by_recording)
        for name in rng.permutation(names):
            rows = self.by_recording[name]
            spans = np.stack([rows.t_min.numpy(), rows.t_max.numpy()], axis=1)
            start = background_start(spans, duration_s, recording_s[name], rng)
            if start is not None:
                return str(name), start
        raise ValueError(
            f"no recording has {duration_s} s without an annotation; set "
            "data.crops.background_share=0 or lower data.crop_duration_s"
        )


def _first(labels: Labels) -> Labels:
    return Labels(labels.target[0], labels.known[0])


def collate_crops(items: list[Crop | Failure]) -> WaveformBatch:
    """A batch of the crops that could be read; the others are named in `failures`."""
    crops = [item for item in items if isinstance(item, Crop)]
    failures = tuple(item for item in items if isinstance(item, Failure))
    if not crops:
        return WaveformBatch(torch.zeros(0, 0), unknown_labels(0, 0, 0), 0, failures)
    labels = [crop.labels for crop in crops]
    return WaveformBatch(
        waveform=torch.stack([crop.waveform for crop in crops]),
        labels=CropLabels(
            clip=_stack([one.clip for one in labels]),
            frame=_stack([one.frame for one in labels]),
            boxes=stack_boxes([one.boxes for one in labels]),
            truth=_stack([one.truth for one in labels]),
        ),
        seed=crops[0].seed,
        failures=failures,
    )


def _stack(labels: list[Labels]) -> Labels:
    return Labels(*(torch.stack(part) for part in zip(*labels, strict=True)))
