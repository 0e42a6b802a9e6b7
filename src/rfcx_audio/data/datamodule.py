"""The LightningDataModule: crops and recordings in, log-mel spectrograms on the device out."""

from __future__ import annotations

import logging
from functools import cached_property, partial

import pandas as pd
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader

from rfcx_audio.batch import (
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
from rfcx_audio.data.frequency_range import FrequencyRange, check_range
from rfcx_audio.data.loader import Loader
from rfcx_audio.data.recording_dataset import RecordingDataset, RecordingLoader
from rfcx_audio.data.recordings import Recordings
from rfcx_audio.data.resident import ResidentAudio, ResidentReader
from rfcx_audio.data.sampler import ANY_SPECIES, CropRecipe, CropSampler
from rfcx_audio.data.soft_labels import SoftLabels
from rfcx_audio.data.source import Corpus, RfcxFolder
from rfcx_audio.data.spectrograms import (
    Augment,
    Frontend,
    Windows,
    crop_spectrograms,
    recording_windows,
)
from rfcx_audio.data.split import Split, training_recordings, unlabelled_recordings
from rfcx_audio.data.stretches import reachable

_log = logging.getLogger(__name__)


class RecordingDataModule(pl.LightningDataModule):
    """Training crops and whole recordings, as spectrograms made on the device.

    Args:
        source: of tables and audio files.
        reader: of the audio.
        crops: how training crops are chosen and labelled.
        folds: which recordings are held out for validation.
        windows: cuts whole recordings, for validation and test.
        frontend: (batch, samples) -> (batch, channels, mels, frames).
        augment: changes training crops.
        loader: how batches are read.
    """

    def __init__(
        self,
        source: RfcxFolder,
        reader: AudioReader,
        crops: CropRecipe,
        folds: Folds,
        windows: Windows,
        frontend: Frontend,
        augment: Augment,
        loader: Loader,
    ) -> None:
        super().__init__()
        self.source = source
        self.reader = reader
        self.crops = crops
        self.folds = folds
        self.windows = windows
        self.frontend = frontend
        self.augment = augment
        self.loader = loader
        self.failures: dict[str, str] = {}
        self._resident: ResidentAudio | None = None

    @cached_property
    def corpus(self) -> Corpus:
        """Tables and recordings, read on first use."""
        return self.source.load()

    @cached_property
    def split(self) -> Split:
        """The rows to train on and to validate on, made on first use."""
        return Split.of(self.corpus, self.folds)

    @cached_property
    def soft(self) -> SoftLabels:
        """The soft labels of the recordings that are trained on, read on first use.

        Raises:
            AnnotationError: see `SoftLabels.read`.
            ValueError: they are of windows longer than a crop.
        """
        soft = SoftLabels.read(self.crops.soft, self.species)
        soft.check(self.crops.duration_s)
        parts = (training_recordings, unlabelled_recordings)
        wanted = set().union(*(part(self.corpus, self.folds) for part in parts))
        return soft.within(wanted)

    @cached_property
    def drawn(self) -> pd.DataFrame:
        """What crops are cut around: see `Split.places`; then whole recordings with soft labels."""
        places = self.split.places
        if not self.soft.spans:
            return places
        whole = self.soft.places(self.corpus.train.durations_s).assign(species_id=ANY_SPECIES)
        return pd.concat([places[list(whole)], whole], ignore_index=True)

    @property
    def teachers_saw(self) -> list[str]:
        """The recordings whose labels the teachers of pseudo or soft labels saw, sorted."""
        return sorted({*self.split.teachers_saw, *self._soft_teachers_saw})

    @property
    def _soft_teachers_saw(self) -> set[str]:
        saw = self.soft.teachers_saw
        return set(self.corpus.labelled["recording_id"]) if saw is None else set(saw)

    @property
    def train_rows(self) -> pd.DataFrame:
        """The rows to train on, see `Split`."""
        return self.split.train_rows

    @property
    def val_rows(self) -> pd.DataFrame:
        """The rows to validate on, see `Split`."""
        return self.split.val_rows

    @property
    def species(self) -> tuple[str, ...]:
        """Names of the species, in the order of the labels."""
        return self.source.species.names

    @property
    def num_species(self) -> int:
        """Width of the labels."""
        return self.source.num_species

    @property
    def has_truth(self) -> bool:
        """Whether there are test recordings whose truth is complete."""
        return self.corpus.truth is not None

    @property
    def num_workers(self) -> int:
        """Processes that read audio for this one."""
        return self.loader.workers(self._processes_here())

    @property
    def batches_per_epoch(self) -> int:
        """Training batches of this process in an epoch, before any limit of the trainer's."""
        crops = len(self._sampler())
        return crops // min(self.loader.batch_size, crops)

    def prepare_data(self) -> None:
        """Makes the data set if its source can."""
        self.source.prepare()

    def setup(self, stage: str) -> None:
        """Reads the tables and splits them into training and validation.

        Raises:
            ValueError: one side of the split has no row.
        """
        if stage == "fit":
            self.split.check()
            _log.info("%s", self.summary())
            frontend, rows, infos = self.frontend, self.corpus.usable, self.corpus.train.infos
            covered = FrequencyRange(frontend.sample_rate, frontend.f_min, frontend.f_max)
            for line in check_range(rows, infos, covered, self.species):
                _log.warning("%s", line)
        self.failures.update(self.corpus.train.failures)
        if self.corpus.test is not None:
            self.failures.update(self.corpus.test.failures)

    def summary(self) -> str:
        """What is read and how, what is used and what is left out, in a few lines."""
        of_soft = self.soft.summary(self.split.val_recordings, self._soft_teachers_saw)
        return "\n".join([str(self.reader), self.split.summary(), *of_soft])

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
            coverage=self.split.coverage,
            soft=self.soft,
        )
        return DataLoader(
            dataset,
            batch_size=min(self.loader.batch_size, len(sampler)),
            sampler=sampler,
            collate_fn=collate_crops if places is None else collate_placed,
            drop_last=True,
            **self.loader.options(self._processes_here()),
        )

    def val_dataloader(self) -> DataLoader | list[DataLoader]:
        """The held-out recordings, whole, with the labels of the tables.

        A batch holds several; `trainer.limit_val_batches` counts recordings, in each process. There
        is no loader where nothing is held out.
        """
        names = self.split.val_recordings
        if not names:
            return []
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

    def teardown(self, stage: str) -> None:
        """Frees what was resident in memory for training."""
        if stage == "fit":
            self._resident = None

    def on_after_batch_transfer(
        self,
        batch: WaveformBatch | PlacedBatch | RecordingBatch,
        dataloader_idx: int,  # noqa: ARG002 (Lightning's signature)
    ) -> SpectrogramBatch | WindowBatch:
        """Waveforms to spectrograms, on the device that the waveforms are on."""
        self._remember(batch.failures)
        if isinstance(batch, PlacedBatch):
            assert self._resident is not None  # noqa: S101 (for the type checker)
            batch = self._resident.crops(batch, self.reader.num_samples(self.crops.duration_s))
        if isinstance(batch, WaveformBatch):
            self.frontend.to(batch.waveform.device)
            return self.spectrograms(batch)
        self.frontend.to(batch.starts_s.device)
        return recording_windows(batch, self.frontend, self.windows)

    def spectrograms(self, batch: WaveformBatch) -> SpectrogramBatch:
        """Augmented training crops, see `crop_spectrograms`."""
        return crop_spectrograms(batch, self.frontend, self.augment, self.crops.duration_s)

    def _sampler(self, recipe: CropRecipe | None = None) -> CropSampler:
        drawn, recipe = self.drawn, recipe or self.crops
        present, pseudo = (drawn[name].to_numpy(dtype=bool) for name in ("present", "pseudo"))
        species = drawn["species_id"].to_numpy(dtype=int)
        return CropSampler(species, present, pseudo, recipe, self.loader.seed, *self._rank())

    def _in_memory(self, reader: ResidentReader) -> ResidentAudio:
        """The audio that training crops can be cut from, on the device that trains."""
        recordings = self.corpus.train
        stretches = reachable(self.drawn, recordings.durations_s, self.crops, reader)
        trainer = self.trainer
        device = torch.device("cpu") if trainer is None else trainer.strategy.root_device
        return ResidentAudio(reader, recordings.paths, stretches, device, self._processes_here())

    def _recordings(
        self,
        recordings: Recordings,
        rows: pd.DataFrame,
        truth: pd.DataFrame | None,
        names: list[str],
        limit: int | float | None,
    ) -> DataLoader:
        # Every recording goes to exactly one process, so that metrics are exact over processes.
        rank, world_size = self._rank()
        mine = names[rank::world_size]
        if isinstance(limit, int):
            mine = mine[:limit]
        dataset = RecordingDataset(
            *(recordings, self.reader, rows, truth, self.num_species, mine),
            coverage=self.corpus.coverage,
        )
        return self._loader_of(dataset, of_test=recordings is self.corpus.test)

    def _loader_of(self, dataset: RecordingDataset, *, of_test: bool) -> DataLoader:  # noqa: ARG002
        """Whole recordings in batches; `of_test` is for subclasses."""
        return RecordingLoader(
            dataset,
            partial(self.windows.starts_s, self.frontend),
            self.windows.at_once(self.frontend),
            self.windows.duration_s,
            self.crops.min_overlap,
            **self.loader.options(self._processes_here()),
        )

    def _rank(self) -> tuple[int, int]:
        """The number of this process, from 0, and of how many that train."""
        if self.trainer is None:
            return 0, 1
        return self.trainer.global_rank, self.trainer.world_size

    def _processes_here(self) -> int:
        """Processes that train on this machine."""
        return 1 if self.trainer is None else self.trainer.num_devices

    def _remember(self, failures: tuple[Failure, ...]) -> None:
        for failure in failures:
            if failure.recording_id not in self.failures:
                _log.warning("left out %s: %s", failure.recording_id, failure.reason)
                self.failures[failure.recording_id] = failure.reason
