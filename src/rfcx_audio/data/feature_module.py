"""The data module of stored features: training crops and whole recordings, without their audio."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cached_property
from typing import Any, cast

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from rfcx_audio.batch import SpectrogramBatch, WindowBatch
from rfcx_audio.data.datamodule import RecordingDataModule
from rfcx_audio.data.feature_crops import LabelledWindows
from rfcx_audio.data.feature_recordings import FeatureRecordings, StoredRecording
from rfcx_audio.data.feature_store import FeatureStore
from rfcx_audio.data.feature_windows import Grid, Known, labelled_windows
from rfcx_audio.data.pasted_calls import PastedCalls, keyed
from rfcx_audio.data.pasted_windows import label_pasted
from rfcx_audio.data.pasting import Pasting
from rfcx_audio.data.recording_dataset import RecordingDataset
from rfcx_audio.data.recordings import Recordings
from rfcx_audio.data.rows import AnnotationError, few
from rfcx_audio.data.sampler import BACKGROUND, CropRecipe, CropSampler, Draw
from rfcx_audio.data.source import Corpus
from rfcx_audio.data.spectrograms import on_axes
from rfcx_audio.data.split import training_recordings
from rfcx_audio.data.stored_recordings import (
    NOT_STORED,
    StoredCrops,
    StoredFrontend,
    check_store,
    kept,
    samples_of,
    stored_names,
)

_log = logging.getLogger(__name__)
_AT_ONCE = 4096  # windows whose features are added up together


class FeatureDataModule(RecordingDataModule):
    """Training crops and whole recordings from a store of features.

    A crop is one window of the store, or several that follow one another. What is drawn, with which
    shares and in which order, is as for audio (`CropRecipe`), but crops begin where windows of the
    store do: a row is drawn with one of the crops that it labels. Their labels are made once.

    Args:
        store: folder of the features, of `rfcx-audio embed`; None if it is yet to be made.
        pasted: of confirmed calls, onto the sound of other recordings; None for none.
        parts: of `RecordingDataModule`; the front end is an `EncoderFrontend`.

    Raises:
        StoreError: the store cannot be used, or another encoder has made it.
        ValueError: the augmentation changes waveforms.
    """

    def __init__(self, store: str | None, pasted: Pasting | None = None, **parts: Any) -> None:  # noqa: ANN401
        super().__init__(**parts)
        steps = ", ".join(getattr(self.augment, "waveform", ()))
        if steps:
            raise ValueError(
                f"the augmentation changes waveforms ({steps}), which stored features do not have; "
                "choose augment=none"
            )
        if self.crops.pasted_share:
            raise ValueError(
                "data.crops.pasted_share pastes calls onto sound, and stored features have none; "
                "data.pasted.share is the share of windows with pasted calls"
            )
        self.encoder_frontend = cast(StoredFrontend, self.frontend)
        self.pasting = pasted
        if pasted is not None and self._frames(self.crops.duration_s) != 1:
            raise ValueError(
                f"data.crop_duration_s = {self.crops.duration_s:g} is longer than the encoder's "
                "window, and calls are pasted into single windows; set data.pasted=null"
            )
        if store is not None:
            self.store = FeatureStore.open(store)
            check_store(self.store, self.encoder_frontend)
        self.names: dict[str, str] = {}  # in the store, by recording; of `corpus`
        self.test_names: dict[str, str] = {}

    @cached_property
    def corpus(self) -> Corpus:
        """Tables and recordings, read on first use; rows without features are left out.

        Raises:
            AnnotationError: no row has features.
        """
        corpus = self.source.load()
        pseudo = [] if corpus.pseudo is None else corpus.pseudo["recording_id"]
        self.names = self._names(corpus.train)
        wanted = sorted({*corpus.labelled["recording_id"], *pseudo})
        stored = corpus.usable["recording_id"].isin(list(self.names))
        lost = corpus.usable[~stored].assign(reason=NOT_STORED)
        if not stored.any():
            raise AnnotationError(
                f"{self.store.folder} has no features of the recordings with rows; it has "
                f"{few(list(self.store.places))}, the rows name "
                f"{few(sorted(set(lost['recording_id'])))}"
            )
        test = corpus.test
        if test is not None:
            self.test_names = self._names(test)
            test = kept(test, self.test_names, test.paths)
        return replace(
            corpus,
            usable=corpus.usable[stored].reset_index(drop=True),
            left_out=pd.concat([corpus.left_out, lost], ignore_index=True),
            train=kept(corpus.train, self.names, wanted),
            test=test,
        )

    @cached_property
    def labelled(self) -> LabelledWindows:
        """The crops that can be drawn, with their labels."""
        of_calls = (self.corpus.train_truth, self.corpus.train.durations_s, self.num_species)
        known = Known(self.train_rows, self.split.coverage, *of_calls, self.soft)
        totals = {name: len(self._windows(there)) for name, there in self.names.items()}
        grid = Grid(self._frames(self.crops.duration_s), self.encoder_frontend.hop_s)
        found = labelled_windows(known, totals, grid, self.crops)
        if self.pasted is not None:
            table = self.pasted.table
            labels = label_pasted(table, self.train_rows, self.crops, self.num_species, self.soft)
            share = cast(Pasting, self.pasting).share
            found = found.with_pasted(table["row"].to_numpy(), labels, share)
        if self.crops.background_share and not found.background:
            _log.warning(
                "rows touch every window of every recording, so that no crop is of background "
                "(data.crops.background_share=%g)",
                self.crops.background_share,
            )
        if found.unlabelled:
            _log.warning(
                "%d of %d rows and complete spans label no window of the store: less than %g of "
                "each lies in any; lower data.crops.min_overlap, or embed with a smaller hop_s",
                *(found.unlabelled, len(found.choices), self.crops.min_overlap),
            )
        return found

    @cached_property
    def pasted(self) -> PastedCalls | None:
        """The windows with calls of the rows to train on, on recordings to train on; if any."""
        if self.pasting is None or self.crops.supervision == "truth":
            return None
        confirmed = np.flatnonzero(self.train_rows["present"] & ~self.train_rows["pseudo"])
        inside = training_recordings(self.corpus, self.folds)
        of_store = PastedCalls.open(self.store.folder)
        keys = keyed(self.train_rows.iloc[confirmed], self.species)
        found = of_store.of_rows(keys, self.pasting.per_row, inside)
        if not len(found.table):
            return None
        numbers = confirmed[found.table["row"].to_numpy(dtype=int)]  # among all rows to train on
        return found._replace(table=found.table.assign(row=numbers))

    def setup(self, stage: str) -> None:
        """See `RecordingDataModule.setup`."""
        super().setup(stage)
        lost = [n for n, reason in self.corpus.train.failures.items() if reason == NOT_STORED]
        if lost and stage == "fit":
            _log.warning("left out %d recordings, %s: %s", len(lost), NOT_STORED, few(lost))

    def _sampler(self, recipe: CropRecipe | None = None) -> CropSampler:
        """Without draws of background where rows touch every window."""
        recipe = recipe or self.crops
        if not self.labelled.background:
            recipe = replace(recipe, background_share=0.0)
        return super()._sampler(recipe)

    def summary(self) -> str:
        """What is read and how, what is used and what is left out, in a few lines."""
        made = self.store.settings
        lines = [
            f"features of {self.store.folder}: windows of {made['window_s']:g} s, "
            f"{made['hop_s']:g} s apart",
            self.split.summary(),
            *self.soft.summary(self.split.val_recordings, self._soft_teachers_saw),
        ]
        if self.pasted is not None:
            share = cast(Pasting, self.pasting).share
            lines.append(
                f"{len(self.pasted.table)} windows with calls of these rows, pasted onto other "
                f"recordings, are {share:.0%} of those that are drawn for TP rows"
            )
        return "\n".join(lines)

    def moments(self, raised: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of the features of all windows that can be trained on.

        Args:
            raised: what the features, (windows, features) float32, go through first.

        Returns:
            (features,) twice, float32.
        """
        first, stops = self.places(np.arange(len(self.labelled.first)))
        which = first[:, None] + np.arange(self._frames(self.crops.duration_s))
        which = np.unique(which[which < stops[:, None]])
        total, squares = 0.0, 0.0
        for part in np.array_split(which, -(-len(which) // _AT_ONCE)):
            found = torch.from_numpy(self.store.features[part].astype(np.float32))
            values = raised(found).double()
            total, squares = total + values.sum(0), squares + values.square().sum(0)
        mean = torch.as_tensor(total) / len(which)
        variance = torch.as_tensor(squares) / len(which) - mean.square()
        return mean.float(), variance.clamp(min=0).sqrt().float()

    def train_dataloader(self) -> DataLoader:
        """Crops of stored features; see `CropRecipe`."""
        sampler = self._sampler()
        return DataLoader(
            _Drawn(self),  # pyright: ignore[reportArgumentType] (whose items are batches)
            batch_size=min(self.loader.batch_size, len(sampler)),
            sampler=sampler,
            collate_fn=_unchanged,  # pyright: ignore[reportArgumentType] (of a batch)
            drop_last=True,
        )

    def on_after_batch_transfer(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        batch: SpectrogramBatch | WindowBatch,
        dataloader_idx: int,  # noqa: ARG002 (Lightning's signature)
    ) -> SpectrogramBatch | WindowBatch:
        """Features of training crops are augmented on the device."""
        if isinstance(batch, WindowBatch):
            return batch
        generator = torch.Generator(batch.spectrogram.device).manual_seed(batch.seed)
        boxes = on_axes(batch.labels.boxes, self.crops.duration_s, self.frontend)
        labels = batch.labels._replace(boxes=boxes)
        changed = self.augment.on_spectrogram(batch.spectrogram, labels, generator)
        return SpectrogramBatch(*changed, batch.seed)

    def places(self, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where training crops lie in the store: (crops,) first windows; ends of recordings."""
        found = self.labelled
        own = [self._windows(self.names[name]) for name in found.recordings]
        starts, stops = np.array([(one.start, one.stop) for one in own]).T
        recording = found.recording[crops]
        return starts[recording] + found.first[crops], stops[recording]

    def like_frontend(self, waveform: Tensor) -> Tensor:
        """Zeros of the shape that the front end gives of waveforms; the encoder is not run."""
        frames = self.encoder_frontend.num_frames(waveform.shape[-1])
        return torch.zeros(len(waveform), 1, self.encoder_frontend.n_mels, frames)

    def _loader_of(self, dataset: RecordingDataset, *, of_test: bool) -> DataLoader:
        in_store = self.test_names if of_test else self.names
        windows, frontend = self.windows, self.encoder_frontend
        found = []
        for name in dataset.names:
            place = self._windows(in_store[name])
            starts_s = windows.starts_s(self.frontend, samples_of(frontend, len(place)))
            settings = (starts_s, windows.duration_s, self.crops.min_overlap)
            labels = dataset.window_labels(name, *settings)
            first = place.start + np.rint(starts_s.numpy() / frontend.hop_s).astype(int)
            found.append(
                StoredRecording(name, first, starts_s, place.stop, labels, dataset.labels(name))
            )
        cut = StoredCrops.of(self.store, frontend, windows.duration_s)
        at_once = windows.at_once(self.frontend)
        return DataLoader(FeatureRecordings(found, cut, at_once), batch_size=None)

    def _names(self, recordings: Recordings) -> dict[str, str]:
        rate, frames = self.encoder_frontend.sample_rate, self.encoder_frontend.num_frames
        infos = recordings.infos
        counts = {name: frames(info.samples_at(rate)) for name, info in infos.items()}
        return stored_names(self.store, recordings, counts)

    def _windows(self, there: str) -> range:
        place = self.store.places[there]
        return range(place.start, place.stop)

    def _frames(self, duration_s: float) -> int:
        frontend = self.encoder_frontend
        return frontend.num_frames(round(duration_s * frontend.sample_rate))


class _Drawn(Dataset[SpectrogramBatch]):
    """Batches of training crops."""

    def __init__(self, data: FeatureDataModule) -> None:
        self.labelled = data.labelled
        self.num_rows = len(data.train_rows)
        self.first, self.stops = data.places(np.arange(len(data.labelled.first)))
        self.crops = StoredCrops.of(data.store, data.encoder_frontend, data.crops.duration_s)
        self.pasted = None if data.pasted is None else data.pasted.features

    def __getitems__(self, draws: Iterable[Draw]) -> SpectrogramBatch:
        """The crops of draws, together."""
        draws = list(draws)
        chosen = np.array([self.labelled.chosen(*draw) for draw in draws])
        # A span, whose place is behind the rows, has no row's memory; nor has background, nor a
        # call that is pasted onto another recording.
        rows = [draw.row if draw.row < self.num_rows else BACKGROUND for draw in draws]
        rows = np.where(chosen < len(self.labelled.first), rows, BACKGROUND)
        labels = self.labelled.labels(torch.from_numpy(chosen))
        return SpectrogramBatch(
            self._features(chosen),
            labels._replace(rows=torch.from_numpy(rows)[:, None]),
            draws[0].seed,
        )

    def __getitem__(self, draw: Draw) -> SpectrogramBatch:
        """The crop of one draw."""
        return self.__getitems__([draw])

    def _features(self, chosen: np.ndarray) -> Tensor:
        """(crops, 1, features, frames), of the store or with pasted calls."""
        in_store = chosen < len(self.first)
        if self.pasted is None or in_store.all():
            return self.crops.cut(self.first[chosen], self.stops[chosen])
        found = np.empty((len(chosen), 1, self.pasted.shape[1], 1), np.float32)
        there = chosen[in_store]
        found[in_store] = self.crops.cut(self.first[there], self.stops[there]).numpy()
        found[~in_store, 0, :, 0] = self.pasted[chosen[~in_store] - len(self.first)]
        return torch.from_numpy(found)


def _unchanged(batch: SpectrogramBatch) -> SpectrogramBatch:
    return batch
