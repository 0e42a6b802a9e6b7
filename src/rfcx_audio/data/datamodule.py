"""The LightningDataModule: crops and recordings in, log-mel spectrograms on the device out."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import pandas as pd
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from rfcx_audio.batch import (
    Boxes,
    CropLabels,
    Failure,
    PlacedBatch,
    RecordingBatch,
    SpectrogramBatch,
    WaveformBatch,
    WindowBatch,
)
from rfcx_audio.data.audio import AudioReader
from rfcx_audio.data.crop_dataset import CropDataset, collate_crops, collate_placed
from rfcx_audio.data.folds import Folds
from rfcx_audio.data.pseudo import add_pseudo_rows, read_pseudo
from rfcx_audio.data.recording_dataset import RecordingDataset, RecordingLoader
from rfcx_audio.data.resident import ResidentAudio, ResidentReader, reachable
from rfcx_audio.data.rows import AnnotationError
from rfcx_audio.data.sampler import CropRecipe, CropSampler
from rfcx_audio.data.source import Corpus, Recordings, RfcxFolder
from rfcx_audio.hardware import num_workers as number_of_workers

_log = logging.getLogger(__name__)
_AHEAD = 4  # batches that the workers together read ahead, at least


class Augment(Protocol):
    """What changes training crops; labels change with them."""

    def on_waveform(
        self, waveform: Tensor, labels: CropLabels, generator: torch.Generator
    ) -> tuple[Tensor, CropLabels]:
        """(batch, samples) -> the same shape."""
        ...

    def on_spectrogram(
        self, spectrogram: Tensor, labels: CropLabels, generator: torch.Generator
    ) -> tuple[Tensor, CropLabels]:
        """(batch, channels, mels, frames) -> the same shape."""
        ...


class Frontend(Protocol):
    """What makes spectrograms of waveforms."""

    n_mels: int

    def bands_of(self, frequencies_hz: Tensor) -> Tensor:
        """Where frequencies lie on the mel axis, from 0 to `n_mels`."""
        ...

    def __call__(self, waveform: Tensor) -> Tensor:
        """(batch, samples) -> (batch, channels, mels, frames)."""
        ...

    def to(self, device: torch.device) -> Any:  # noqa: ANN401
        """As of a module."""
        ...


class Windows(Protocol):
    """What cuts a recording's spectrogram into windows."""

    duration_s: float

    def starts_s(self, frontend: Frontend, num_samples: int) -> Tensor:
        """(windows,) starts in s of the windows of so many samples, on the CPU."""
        ...

    def at_once(self, frontend: Frontend) -> int:
        """How many windows a device takes in one batch."""
        ...

    def cut_windows(self, frontend: Frontend, waveform: Tensor) -> Tensor:
        """(recordings, samples) -> (recordings * windows, channels, mels, frames)."""
        ...


class RecordingDataModule(pl.LightningDataModule):
    """Training crops and whole recordings, as spectrograms made on the device.

    Args:
        root: folder of the data set.
        num_species: width of the labels.
        sample_rate: Hz, of all audio after reading.
        crop_duration_s: of training crops.
        source: `source(root, num_species)` tells where tables and audio come from.
        reader: `reader(sample_rate)` reads audio.
        crops: `crops(crop_duration_s)` says how crops are chosen and labelled.
        folds: which recordings are held out for validation.
        windows: cuts whole recordings, for validation and test.
        frontend: (batch, samples) -> (batch, channels, mels, frames).
        augment: changes training crops.
        batch_size: crops in a batch, for each process.
        num_workers: processes that read audio, see `rfcx_audio.hardware.num_workers`.
        seed: of all random draws.
        pseudo_rows: a table of pseudo-labels that `rfcx_audio.relabel` wrote, to train on beside
            the tables' own rows, see `add_pseudo_rows`; None for none.

    Raises:
        ValueError: a setting is out of its range.
    """

    def __init__(
        self,
        root: str,
        num_species: int,
        sample_rate: int,
        crop_duration_s: float,
        source: Callable[[str, int], RfcxFolder],
        reader: Callable[[int], AudioReader],
        crops: Callable[[float], CropRecipe],
        folds: Folds,
        windows: Windows,
        frontend: Frontend,
        augment: Augment,
        batch_size: int = 32,
        num_workers: int | Literal["auto"] = "auto",
        seed: int = 0,
        pseudo_rows: str | None = None,
    ) -> None:
        super().__init__()
        number_of_workers(num_workers)  # refuses now what is no number of workers
        if batch_size < 1:
            raise ValueError(f"batch_size = {batch_size}; expected at least 1")
        self.num_species = num_species
        self.source = source(root, num_species)
        self.reader = reader(sample_rate)
        self.crops = crops(crop_duration_s)
        self.folds = folds
        self.windows = windows
        self.frontend = frontend
        self.augment = augment
        self.batch_size = batch_size
        self._wanted_workers: int | Literal["auto"] = num_workers
        self.seed = seed
        self.pseudo_rows = pseudo_rows
        self.failures: dict[str, str] = {}
        self.set_aside = pd.DataFrame()
        self._corpus: Corpus | None = None
        self._resident: ResidentAudio | None = None

    @property
    def corpus(self) -> Corpus:
        """Tables and recordings, read on first use."""
        if self._corpus is None:
            self._corpus = self.source.load()
        return self._corpus

    @property
    def has_truth(self) -> bool:
        """Whether there are test recordings whose truth is complete."""
        return self.corpus.truth is not None

    @property
    def num_workers(self) -> int:
        """Processes that read audio for this one."""
        return number_of_workers(self._wanted_workers, self._processes_here())

    @property
    def batches_per_epoch(self) -> int:
        """Training batches of this process in an epoch, before any limit of the trainer's."""
        crops = len(self._sampler())
        return crops // min(self.batch_size, crops)

    def prepare_data(self) -> None:
        """Makes the data set if its source can."""
        self.source.prepare()

    def setup(self, stage: str) -> None:
        """Reads the tables and splits them into training and validation.

        Raises:
            ValueError: one side of the split has no row.
        """
        corpus = self.corpus
        # Folds are assigned over all rows, so that they stay the same when more audio arrives.
        self.folds.table(corpus.rows)
        self.train_rows, self.val_rows = self.folds.split(corpus.usable)
        for side, rows in (("training", self.train_rows), ("validation", self.val_rows)):
            if rows.empty and stage == "fit":
                raise ValueError(
                    f"no row with audio is left for {side} when fold {self.folds.held_out} of "
                    f"{self.folds.num_folds} is held out; change data.folds.held_out or add audio"
                )
        self.train_rows = self._with_pseudo_rows(self.train_rows)
        self.failures.update(corpus.train.failures)
        if corpus.test is not None:
            self.failures.update(corpus.test.failures)
        if stage == "fit":
            _log.info("%s", self.summary())

    def summary(self) -> str:
        """What is used and what is left out, in a few lines."""
        corpus = self.corpus
        present = corpus.usable["present"]
        lines = [
            str(self.reader),
            f"{len(corpus.usable)} of {len(corpus.rows)} rows are used, on "
            f"{corpus.usable['recording_id'].nunique()} recordings: "
            f"{int(present.sum())} TP, {int((~present).sum())} FP",
        ]
        for reason, rows in corpus.left_out.groupby("reason"):
            lines.append(
                f"{len(rows)} rows on {rows['recording_id'].nunique()} recordings are left out: "
                f"{reason}"
            )
        lines.append(
            f"fold {self.folds.held_out} of {self.folds.num_folds} is held out: "
            f"{len(self.train_rows)} rows to train on, {len(self.val_rows)} to validate on"
        )
        pseudo = int(self.train_rows["pseudo"].sum())
        if self.pseudo_rows is not None:
            lines.append(
                f"{pseudo} of the rows to train on are pseudo-labels of {self.pseudo_rows}; "
                f"{len(self.set_aside)} more are set aside, because real rows say something there"
            )
        return "\n".join(lines)

    def _with_pseudo_rows(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The training rows and the pseudo-labels of their recordings."""
        if self.pseudo_rows is None:
            return rows.assign(pseudo=False)
        pseudo = read_pseudo(Path(self.pseudo_rows))
        if (pseudo["species_id"] >= self.num_species).any():
            raise AnnotationError(
                f"{self.pseudo_rows} has rows of species {pseudo['species_id'].max()}, beyond "
                f"{self.num_species - 1}; it was made for other tables (set data.num_species)"
            )
        pseudo = pseudo[pseudo["recording_id"].isin(self.training_recordings())]
        union, self.set_aside = add_pseudo_rows(rows, pseudo)
        return union

    def training_recordings(self) -> set[str]:
        """The recordings with audio whose fold is not held out."""
        folds = self.folds.table(self.corpus.rows).set_index("recording_id")["fold"]
        return set(folds[folds != self.folds.held_out].index) & set(self.corpus.train.paths)

    def train_dataloader(self) -> DataLoader:
        """Random crops around rows; see `CropRecipe`."""
        rows, corpus, sampler = self.train_rows, self.corpus, self._sampler()
        places = None
        if isinstance(self.reader, ResidentReader):
            self._resident = None  # that of a fit before, whose memory may be needed
            self._resident = self._in_memory(self.reader)
            places = self._resident.places
        dataset = CropDataset(
            *(rows, corpus.train, self.reader, self.crops, self.num_species, corpus.train_truth),
            resident=places,
        )
        return DataLoader(
            dataset,
            batch_size=min(self.batch_size, len(sampler)),
            sampler=sampler,
            collate_fn=collate_crops if places is None else collate_placed,
            drop_last=True,
            **self._loader_options(),
        )

    def teardown(self, stage: str) -> None:
        """Frees what was resident in memory for training."""
        if stage == "fit":
            self._resident = None

    def _sampler(self) -> CropSampler:
        rows = self.train_rows
        present, pseudo = (rows[name].to_numpy(dtype=bool) for name in ("present", "pseudo"))
        return CropSampler(present, pseudo, self.crops, self.seed, *self._place())

    def _in_memory(self, reader: ResidentReader) -> ResidentAudio:
        """The audio that training crops can be cut from, on the device that trains."""
        recordings = self.corpus.train
        stretches = reachable(self.train_rows, recordings.durations_s, self.crops, reader)
        trainer = self.trainer
        device = torch.device("cpu") if trainer is None else trainer.strategy.root_device
        return ResidentAudio(reader, recordings.paths, stretches, device, self._processes_here())

    def val_dataloader(self) -> DataLoader:
        """The held-out recordings, whole, with what the tables say of them.

        A batch holds several; `trainer.limit_val_batches` counts recordings, in each process.
        """
        names = sorted(self.val_rows["recording_id"].unique())
        limit = None if self.trainer is None else self.trainer.limit_val_batches
        return self._recordings(self.corpus.train, self.val_rows, None, names, limit)

    def test_dataloader(self) -> DataLoader:
        """The test recordings, whole, with their complete truth; see `val_dataloader`."""
        if self.corpus.test is None:
            raise ValueError(f"{self.source.root} has no truth.csv, so there is nothing to test on")
        no_rows = self.corpus.usable.iloc[:0]
        names = list(self.corpus.test.paths)
        limit = None if self.trainer is None else self.trainer.limit_test_batches
        return self._recordings(self.corpus.test, no_rows, self.corpus.truth, names, limit)

    def on_after_batch_transfer(
        self,
        batch: WaveformBatch | PlacedBatch | RecordingBatch,
        dataloader_idx: int,  # noqa: ARG002 (Lightning's signature)
    ) -> SpectrogramBatch | WindowBatch:
        """Waveforms to spectrograms, on the device that the waveforms are on."""
        self._remember(batch.failures)
        if isinstance(batch, PlacedBatch):
            assert self._resident is not None  # noqa: S101 (tells the type checker)
            batch = self._resident.crops(batch, self.reader.num_samples(self.crops.duration_s))
        if isinstance(batch, WaveformBatch):
            self.frontend.to(batch.waveform.device)
            return self.spectrograms(batch)
        self.frontend.to(batch.starts_s.device)
        return self.cut(batch)

    @torch.no_grad()
    def spectrograms(self, batch: WaveformBatch) -> SpectrogramBatch:
        """Augmented training crops."""
        if not len(batch.waveform):
            return SpectrogramBatch(batch.waveform, batch.labels, batch.seed)
        generator = torch.Generator(batch.waveform.device).manual_seed(batch.seed)
        waveform, labels = self.augment.on_waveform(batch.waveform, batch.labels, generator)
        spectrogram = self.frontend(waveform)  # (batch, channels, mels, frames)
        boxes = on_axes(labels.boxes, self.crops.duration_s, self.frontend)
        labels = labels._replace(boxes=boxes)
        spectrogram, labels = self.augment.on_spectrogram(spectrogram, labels, generator)
        return SpectrogramBatch(spectrogram, labels, batch.seed)

    @torch.no_grad()
    def cut(self, batch: RecordingBatch) -> WindowBatch:
        """Recordings as labelled windows; none when no recording could be read."""
        runs = groupby(batch.waveforms, lambda waveform: waveform.shape[-1])  # of one length
        parts = [self.windows.cut_windows(self.frontend, _joined(list(same))) for _, same in runs]
        return WindowBatch(
            batch.recording_ids,
            _joined(parts) if parts else torch.zeros(0),
            batch.starts_s,
            batch.counts,
            batch.window_labels,
            batch.recording_labels,
        )

    def _recordings(
        self,
        recordings: Recordings,
        rows: pd.DataFrame,
        truth: pd.DataFrame | None,
        names: list[str],
        limit: int | float | None,
    ) -> RecordingLoader:
        # Every recording goes to exactly one process, so that metrics are exact over processes.
        rank, world_size = self._place()
        mine = names[rank::world_size]
        dataset = RecordingDataset(
            recordings,
            self.reader,
            rows,
            truth,
            self.num_species,
            mine[:limit] if isinstance(limit, int) else mine,
        )
        return RecordingLoader(
            dataset,
            partial(self.windows.starts_s, self.frontend),
            self.windows.at_once(self.frontend),
            self.windows.duration_s,
            self.crops.min_overlap,
            **self._loader_options(),
        )

    def _place(self) -> tuple[int, int]:
        if self.trainer is None:
            return 0, 1
        return self.trainer.global_rank, self.trainer.world_size

    def _processes_here(self) -> int:
        """Processes that train on this machine."""
        return 1 if self.trainer is None else self.trainer.num_devices

    def _loader_options(self) -> dict[str, Any]:
        workers = self.num_workers
        return {
            "num_workers": workers,
            # One worker alone reads further ahead: a slow crop then stops nothing.
            "prefetch_factor": max(2, -(-_AHEAD // workers)) if workers else None,
            "persistent_workers": workers > 0,
            "pin_memory": torch.cuda.is_available(),
            "worker_init_fn": _one_thread,
        }

    def _remember(self, failures: tuple[Failure, ...]) -> None:
        for failure in failures:
            if failure.recording_id not in self.failures:
                _log.warning("left out %s: %s", failure.recording_id, failure.reason)
                self.failures[failure.recording_id] = failure.reason


def on_axes(boxes: Boxes, duration_s: float, frontend: Frontend) -> Boxes:
    """Boxes in s and Hz as places on a spectrogram's axes, see `Boxes`.

    Args:
        boxes: in s and Hz.
        duration_s: of the spectrogram.
        frontend: which made it.
    """
    return boxes._replace(
        t_min=boxes.t_min / duration_s,
        t_max=boxes.t_max / duration_s,
        f_min=frontend.bands_of(boxes.f_min) / frontend.n_mels,
        f_max=frontend.bands_of(boxes.f_max) / frontend.n_mels,
    )


def _joined(tensors: list[Tensor]) -> Tensor:
    """One after the other; a single one is not copied."""
    return torch.cat(tensors) if len(tensors) > 1 else tensors[0]


def _one_thread(worker: int) -> None:  # noqa: ARG001 (DataLoader's signature)
    torch.set_num_threads(1)


def known_share(rows: pd.DataFrame, num_species: int) -> float:
    """The share of (recording, species) cells that any row speaks of."""
    cells = rows.drop_duplicates(["recording_id", "species_id"])
    return len(cells) / (rows["recording_id"].nunique() * num_species) if len(rows) else np.nan
