"""Datasets: crops of recordings for training, whole recordings for validation and prediction."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from rfcx_audio.batch import (
    CropLabels,
    Failure,
    Labels,
    RecordingWaveform,
    Rows,
    WaveformBatch,
    unknown_labels,
)
from rfcx_audio.data.audio import AudioError, AudioReader
from rfcx_audio.data.crops import background_start, crop_start
from rfcx_audio.data.labels import (
    boxes_in,
    complete_labels,
    label_recording,
    label_windows,
    rows_of,
    stack_boxes,
    true_windows,
)
from rfcx_audio.data.source import Recordings

BACKGROUND = -1
_PASSES = (
    8  # over the TP rows in an epoch: validation scores whole recordings, which takes its time
)


Supervision = Literal["rows", "truth"]


class Draw(NamedTuple):
    """One crop to cut: around a row of the table, or of background, and its own seed."""

    row: int
    seed: int


@dataclass(frozen=True)
class CropRecipe:
    """How training crops are chosen and labelled.

    Attributes:
        duration_s: of a crop.
        min_overlap: share of a row (or of the crop, if shorter) that must lie in the crop for the
            row to label it; see `label_windows`.
        tp_share: share of the crops drawn around TP rows; the rest is drawn around FP rows.
        background_share: share of the crops, taken first, drawn where no row is.
        pseudo_share: share of the other crops drawn around pseudo rows, where there are any.
        crops_per_epoch: None: as many as make every TP row appear eight times.
        frame_s: of a label frame, see `CropLabels`.
        supervision: `rows` labels a crop by the tables. `truth` labels it by every call in it, as
            nobody can in the field: the upper bound of a comparison, on data with complete truth.
    """

    duration_s: float
    min_overlap: float = 0.5
    tp_share: float = 0.5
    background_share: float = 0.0
    pseudo_share: float = 0.5
    crops_per_epoch: int | None = None
    frame_s: float = 0.1
    supervision: Supervision = "rows"

    def __post_init__(self) -> None:
        """Raises ValueError where a share or a duration is out of range."""
        for name in ("tp_share", "background_share", "pseudo_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} = {getattr(self, name)} lies outside 0 to 1")
        if not 0 < self.min_overlap <= 1:
            raise ValueError(f"min_overlap = {self.min_overlap} lies outside ]0, 1]")
        if not 0 < self.frame_s <= self.duration_s:
            raise ValueError(
                f"frame_s = {self.frame_s} and duration_s = {self.duration_s}: both must be above "
                "0, and a label frame no longer than a crop"
            )
        if self.supervision not in get_args(Supervision):
            raise ValueError(f"supervision = {self.supervision!r}; choose rows or truth")

    @property
    def num_frames(self) -> int:
        """Label frames of a crop."""
        return round(self.duration_s / self.frame_s)


class CropSampler(Sampler[Draw]):
    """Draws the crops of an epoch, the same for any number of workers.

    Each kind (TP, FP, pseudo) is gone through in random order again and again, so that within an
    epoch no row appears twice before every row of its kind has appeared. Where TP or FP rows are
    missing, the other kind takes their share.

    Args:
        present: (rows,) bool, whether each row is a TP.
        pseudo: (rows,) bool, whether each row is a pseudo-label and neither TP nor FP.
        recipe: shares and number of crops.
        seed: of all draws; with the epoch number it decides them entirely.
        rank: which part of the draws is this process's.
        world_size: number of parts, all equally long.
    """

    def __init__(
        self,
        present: np.ndarray,
        pseudo: np.ndarray,
        recipe: CropRecipe,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.kinds = {
            "tp": np.flatnonzero(present & ~pseudo),
            "fp": np.flatnonzero(~present & ~pseudo),
            "pseudo": np.flatnonzero(pseudo),
        }
        self.seed = seed
        self.rank = rank
        self.world_size = world_size
        self.epoch = 0
        tp_share = recipe.tp_share if len(self.kinds["fp"]) else 1.0
        tp_share = tp_share if len(self.kinds["tp"]) else 0.0
        pseudo_share = recipe.pseudo_share if len(self.kinds["pseudo"]) else 0.0
        told_share = tp_share * (1 - recipe.background_share) * (1 - pseudo_share)
        by_table = len(self.kinds["tp"]) / told_share if told_share else len(present)
        total = recipe.crops_per_epoch or round(_PASSES * by_table)
        total = max(world_size, total - total % world_size)
        background = round(total * recipe.background_share)
        pseudo_count = round((total - background) * pseudo_share)
        real = total - background - pseudo_count
        tp_count = round(real * tp_share)
        self.counts = {"tp": tp_count, "fp": real - tp_count, "pseudo": pseudo_count}
        self.background = background

    def set_epoch(self, epoch: int) -> None:
        """Chooses the epoch whose draws come next (Lightning calls it)."""
        self.epoch = epoch

    def __len__(self) -> int:
        return (sum(self.counts.values()) + self.background) // self.world_size

    def __iter__(self) -> Iterator[Draw]:
        rng = np.random.default_rng([self.seed, self.epoch])
        rows = np.concatenate(
            [_rounds(self.kinds[kind], self.counts[kind], rng) for kind in self.kinds]
            + [np.full(self.background, BACKGROUND)]
        )
        seeds = rng.integers(0, 2**62, size=len(rows))
        order = rng.permutation(len(rows))[self.rank :: self.world_size]
        return iter([Draw(int(rows[i]), int(seeds[i])) for i in order])


def _rounds(rows: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    if not count:
        return np.empty(0, dtype=int)
    rounds = -(-count // len(rows))
    return np.concatenate([rng.permutation(rows) for _ in range(rounds)])[:count]


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
        self.by_recording = _by_recording(rows)
        self.calls = None if calls is None else _by_recording(calls.assign(present=True, weight=1))
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
        labels = self._labels(name, start_s)._replace(rows=torch.tensor([draw.row]))
        return Crop(torch.from_numpy(samples), labels, draw.seed)

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


def _by_recording(rows: pd.DataFrame) -> dict[str, Rows]:
    return {str(name): rows_of(group) for name, group in rows.groupby("recording_id", sort=True)}


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
            rows=torch.stack([one.rows for one in labels if one.rows is not None]),
        ),
        seed=crops[0].seed,
        failures=failures,
    )


def _stack(labels: list[Labels]) -> Labels:
    return Labels(*(torch.stack(part) for part in zip(*labels, strict=True)))


class RecordingDataset(Dataset[RecordingWaveform]):
    """Whole recordings with what is known of them.

    Args:
        recordings: their audio.
        reader: of the audio.
        rows: what is known of their time windows; those of other recordings are passed over.
        truth: every call of the recordings where that is known, else None.
        num_species: width of the labels.
        names: which recordings, in this order; None takes all.
    """

    def __init__(
        self,
        recordings: Recordings,
        reader: AudioReader,
        rows: pd.DataFrame,
        truth: pd.DataFrame | None,
        num_species: int,
        names: list[str] | None = None,
    ) -> None:
        self.paths = recordings.paths
        self.reader = reader
        self.names = list(recordings.paths) if names is None else names
        self.rows = _by_recording(rows)
        self.nothing_said = rows_of(rows.iloc[:0])
        self.calls = (
            None
            if truth is None
            else {name: group.to_list() for name, group in truth.groupby("recording_id").species_id}
        )
        self.num_species = num_species

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> RecordingWaveform:
        """A recording; without samples, and with its failure, where it cannot be read."""
        name = self.names[index]
        rows = self.rows.get(name, self.nothing_said)
        labels = self._labels(name, rows)
        try:
            samples = self.reader.read(self.paths[name])
        except AudioError as error:
            failure = Failure(name, str(error))
            return RecordingWaveform(name, torch.zeros(1, 0), rows, labels, (failure,))
        return RecordingWaveform(name, torch.from_numpy(samples)[None], rows, labels)

    def _labels(self, name: str, rows: Rows) -> Labels:
        if self.calls is None:
            return label_recording(rows, self.num_species)
        return complete_labels(self.calls.get(name, []), self.num_species)


class FileDataset(Dataset[tuple[str, Tensor | Failure]]):
    """Audio files without labels, for prediction.

    Args:
        paths: by recording id.
        reader: of the audio.
    """

    def __init__(self, paths: dict[str, Path], reader: AudioReader) -> None:
        self.items = list(paths.items())
        self.reader = reader

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> tuple[str, Tensor | Failure]:
        """The recording id with (samples,), or with the reason why it cannot be read."""
        name, path = self.items[index]
        try:
            return name, torch.from_numpy(self.reader.read(path))
        except AudioError as error:
            return name, Failure(name, str(error))
