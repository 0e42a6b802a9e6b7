"""Datasets: crops of recordings for training, whole recordings for validation and prediction."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from rfcx_audio.batch import Failure, Labels, RecordingWaveform, Rows, WaveformBatch
from rfcx_audio.data.audio import AudioError, AudioReader
from rfcx_audio.data.crops import background_start, crop_start
from rfcx_audio.data.labels import complete_labels, label_recording, label_windows, rows_of
from rfcx_audio.data.source import Recordings

BACKGROUND = -1
_PASSES = (
    8  # over the TP rows in an epoch: validation scores whole recordings, which takes its time
)


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
        crops_per_epoch: None: as many as make every TP row appear eight times.
    """

    duration_s: float
    min_overlap: float = 0.5
    tp_share: float = 0.5
    background_share: float = 0.0
    crops_per_epoch: int | None = None

    def __post_init__(self) -> None:
        """Raises ValueError where a share or a duration is out of range."""
        for name in ("tp_share", "background_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} = {getattr(self, name)} lies outside 0 to 1")
        if not 0 < self.min_overlap <= 1:
            raise ValueError(f"min_overlap = {self.min_overlap} lies outside ]0, 1]")
        if self.duration_s <= 0:
            raise ValueError(f"duration_s = {self.duration_s} is not positive")


class CropSampler(Sampler[Draw]):
    """Draws the crops of an epoch, the same for any number of workers.

    Each kind (TP, FP) is gone through in random order again and again, so that within an epoch no
    row appears twice before every row of its kind has appeared. Where one kind has no rows, the
    other takes its share.

    Args:
        present: (rows,) bool, whether each row is a TP.
        recipe: shares and number of crops.
        seed: of all draws; with the epoch number it decides them entirely.
        rank: which part of the draws is this process's.
        world_size: number of parts, all equally long.
    """

    def __init__(
        self,
        present: np.ndarray,
        recipe: CropRecipe,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.kinds = {True: np.flatnonzero(present), False: np.flatnonzero(~present)}
        self.seed = seed
        self.rank = rank
        self.world_size = world_size
        self.epoch = 0
        tp_share = recipe.tp_share if len(self.kinds[False]) else 1.0
        tp_share = tp_share if len(self.kinds[True]) else 0.0
        told_share = tp_share * (1 - recipe.background_share)
        by_table = len(self.kinds[True]) / told_share if told_share else len(present)
        total = recipe.crops_per_epoch or round(_PASSES * by_table)
        total = max(world_size, total - total % world_size)
        background = round(total * recipe.background_share)
        present_count = round((total - background) * tp_share)
        self.counts = {
            True: present_count,
            False: total - background - present_count,
            None: background,
        }

    def set_epoch(self, epoch: int) -> None:
        """Chooses the epoch whose draws come next (Lightning calls it)."""
        self.epoch = epoch

    def __len__(self) -> int:
        return sum(self.counts.values()) // self.world_size

    def __iter__(self) -> Iterator[Draw]:
        rng = np.random.default_rng([self.seed, self.epoch])
        rows = np.concatenate(
            [_rounds(self.kinds[kind], self.counts[kind], rng) for kind in (True, False)]
            + [np.full(self.counts[None], BACKGROUND)]
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
    """One training example: (samples,), (species,) twice, and the seed of its draw."""

    waveform: Tensor
    labels: Labels
    seed: int


class CropDataset(Dataset[Crop | Failure]):
    """Crops of annotated recordings, one for each `Draw`.

    Args:
        rows: with audio; every row of a recording labels the crops that it speaks of.
        recordings: their audio.
        reader: of the audio.
        recipe: how crops are cut and labelled.
        num_species: width of the labels.
    """

    def __init__(
        self,
        rows: pd.DataFrame,
        recordings: Recordings,
        reader: AudioReader,
        recipe: CropRecipe,
        num_species: int,
    ) -> None:
        self.recording_ids = rows["recording_id"].to_list()
        self.boxes = rows[["t_min", "t_max"]].to_numpy()
        self.by_recording = {
            str(name): rows_of(group) for name, group in rows.groupby("recording_id", sort=True)
        }
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
        labels = label_windows(
            self.by_recording[name],
            torch.tensor([start_s]),
            self.recipe.duration_s,
            self.num_species,
            self.recipe.min_overlap,
        )
        return Crop(torch.from_numpy(samples), Labels(labels.target[0], labels.known[0]), draw.seed)

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


def collate_crops(items: list[Crop | Failure]) -> WaveformBatch:
    """A batch of the crops that could be read; the others are named in `failures`."""
    crops = [item for item in items if isinstance(item, Crop)]
    failures = tuple(item for item in items if isinstance(item, Failure))
    if not crops:
        empty = torch.zeros(0, 0)
        return WaveformBatch(empty, Labels(empty, empty), 0, failures)
    return WaveformBatch(
        waveform=torch.stack([crop.waveform for crop in crops]),
        labels=Labels(
            torch.stack([crop.labels.target for crop in crops]),
            torch.stack([crop.labels.known for crop in crops]),
        ),
        seed=crops[0].seed,
        failures=failures,
    )


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
        self.rows = {str(name): rows_of(group) for name, group in rows.groupby("recording_id")}
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
