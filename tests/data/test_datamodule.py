from __future__ import annotations

from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from conftest import SMALL_FOREST
from rfcx_audio.augment import Chain, Gain
from rfcx_audio.batch import SpectrogramBatch, WindowBatch
from rfcx_audio.data import (
    AudioReader,
    CropRecipe,
    Folds,
    RecordingDataModule,
    RfcxFolder,
    known_share,
)
from rfcx_audio.frontend import LogMel
from rfcx_audio.scoring import SlidingWindows


def module(forest: Path, tmp_path: Path, **changes: object) -> RecordingDataModule:
    settings = {
        "root": str(forest),
        "num_species": 24,
        "sample_rate": 48_000,
        "crop_duration_s": 3.0,
        "source": RfcxFolder,
        "reader": AudioReader,
        "crops": CropRecipe,
        "folds": Folds(str(tmp_path / "folds.csv"), num_folds=4),
        "windows": SlidingWindows(3.0),
        "frontend": LogMel(48_000),
        "augment": Chain(),
        "batch_size": 8,
        "num_workers": 0,
    }
    made = RecordingDataModule(**(settings | changes))
    made.prepare_data()
    made.setup("fit")
    return made


def test_training_and_validation_share_no_recording(forest: Path, tmp_path: Path) -> None:
    data = module(forest, tmp_path)
    train, val = set(data.train_rows["recording_id"]), set(data.val_rows["recording_id"])
    assert not train & val
    assert len(data.train_rows) + len(data.val_rows) == 96
    assert "96 of 96 rows are used" in data.summary()
    assert "recordings are read at 48000 Hz, channel: mean" in data.summary()


def test_crops_become_spectrograms_with_their_labels(forest: Path, tmp_path: Path) -> None:
    data = module(forest, tmp_path)
    crops = next(iter(data.train_dataloader()))
    batch = data.on_after_batch_transfer(crops, 0)
    assert isinstance(batch, SpectrogramBatch)
    assert batch.spectrogram.shape == (8, 1, 128, 141)
    assert torch.equal(batch.labels.clip.known, crops.labels.clip.known)
    assert (batch.labels.clip.known.sum(1) >= 1).all()
    assert torch.allclose(batch.spectrogram, data.frontend(crops.waveform))


def test_augmentation_follows_from_the_batch(forest: Path, tmp_path: Path) -> None:
    data = module(forest, tmp_path, augment=Chain(waveform={"gain": Gain(probability=1.0)}))
    crops = next(iter(data.train_dataloader()))
    first, again = data.spectrograms(crops), data.spectrograms(crops)
    other = data.spectrograms(crops._replace(seed=crops.seed + 1))
    assert torch.equal(first.spectrogram, again.spectrogram)
    assert not torch.equal(first.spectrogram, other.spectrogram)


def test_recordings_become_labelled_windows(forest: Path, tmp_path: Path) -> None:
    data = module(forest, tmp_path)
    known, names = 0, []
    for recordings in data.val_dataloader():
        batch = data.on_after_batch_transfer(recordings, 0)
        assert isinstance(batch, WindowBatch)
        assert set(batch.counts) == {8}
        assert len(batch.spectrogram) == len(batch.starts_s) == len(batch.window_labels.known)
        assert len(batch.starts_s) == sum(batch.counts)
        names += batch.recording_ids
        windows = zip(
            batch.recording_ids,
            batch.starts_s.split(batch.counts),
            batch.window_labels.known.split(batch.counts),
            strict=True,
        )
        for name, starts_s, labelled in windows:
            assert starts_s[-1].item() == pytest.approx(9.0, abs=0.03)
            rows = data.val_rows[data.val_rows["recording_id"] == name]
            species = set(labelled.amax(0).nonzero().flatten().tolist())
            assert species == set(rows["species_id"])
            known += len(species)
    assert known >= data.val_rows["species_id"].nunique()
    assert names == sorted(data.val_rows["recording_id"].unique())


@pytest.mark.parametrize("pixels", [1, 20 * 128 * 141])
def test_the_batches_of_recordings_change_nothing_but_their_number(
    pixels: int, forest: Path, tmp_path: Path
) -> None:
    whole = module(forest, tmp_path)
    parts = module(forest, tmp_path, windows=SlidingWindows(3.0, pixels_at_once=pixels))
    one, other = (
        [data.on_after_batch_transfer(batch, 0) for batch in data.val_dataloader()]
        for data in (whole, parts)
    )
    assert len(one) == 1
    assert max(len(batch.counts) for batch in other) == (1 if pixels == 1 else 2)
    assert sum((batch.recording_ids for batch in other), ()) == one[0].recording_ids
    assert sum((batch.counts for batch in other), ()) == one[0].counts
    for name in "spectrogram", "starts_s":
        found = torch.cat([getattr(batch, name) for batch in other])
        assert torch.allclose(found, getattr(one[0], name), atol=1e-5)
    for name in "window_labels", "recording_labels":
        for field in "target", "known":
            found = torch.cat([getattr(getattr(batch, name), field) for batch in other])
            assert torch.equal(found, getattr(getattr(one[0], name), field))


def test_limits_count_recordings(forest: Path, tmp_path: Path) -> None:
    data = module(forest, tmp_path)
    data.trainer = SimpleNamespace(
        limit_val_batches=3, limit_test_batches=1.0, global_rank=1, world_size=2
    )
    names = sorted(data.val_rows["recording_id"].unique())
    (batch,) = data.val_dataloader()
    assert list(batch.recording_ids) == names[1::2][:3]
    (batch,) = data.test_dataloader()
    assert len(batch.recording_ids) == len(list(data.corpus.test.paths)[1::2])


def test_test_recordings_have_complete_truth(forest: Path, tmp_path: Path) -> None:
    data = module(forest, tmp_path)
    assert data.has_truth
    batches = [data.on_after_batch_transfer(r, 0) for r in data.test_dataloader()]
    assert sum(len(batch.counts) for batch in batches) == SMALL_FOREST["num_test"]
    assert all(batch.recording_labels.known.all() for batch in batches)


def test_a_recording_that_cannot_be_read_is_remembered_and_left_out(
    forest: Path, tmp_path: Path
) -> None:
    data = module(forest, tmp_path)
    names = next(iter(data.val_dataloader())).recording_ids
    path = tmp_path / "broken.flac"
    path.write_bytes(b"")
    data.corpus.train.paths[names[1]] = path
    batch = data.on_after_batch_transfer(next(iter(data.val_dataloader())), 0)
    assert batch.recording_ids == (names[0], *names[2:])
    assert len(batch.spectrogram) == 8 * (len(names) - 1)
    assert list(data.failures) == [names[1]]


def test_a_batch_without_any_readable_recording_is_empty(forest: Path, tmp_path: Path) -> None:
    data = module(forest, tmp_path)
    path = tmp_path / "broken.flac"
    path.write_bytes(b"")
    for name in data.corpus.train.paths:
        data.corpus.train.paths[name] = path
    (recordings,) = data.val_dataloader()
    batch = data.on_after_batch_transfer(recordings, 0)
    assert batch.counts == batch.recording_ids == ()
    assert len(batch.spectrogram) == 0
    assert set(data.failures) == set(data.val_rows["recording_id"])


def test_a_split_without_rows_is_an_error(forest: Path, tmp_path: Path) -> None:
    rows = RfcxFolder(str(forest), 24).load().rows
    names = sorted(rows["recording_id"].unique())
    folds = pd.DataFrame({"recording_id": names, "fold": [0] + [1] * (len(names) - 1)})
    folds.loc[:, "fold"] = 1
    folds.to_csv(tmp_path / "folds.csv", index=False)
    with pytest.raises(ValueError, match="no row with audio is left for validation"):
        module(forest, tmp_path, folds=Folds(str(tmp_path / "folds.csv"), num_folds=2))


class OnHalf(nn.Module):
    """A front end that says which device and type it was asked on."""

    n_mels = 1

    def bands_of(self, frequencies_hz: Tensor) -> Tensor:
        return 0 * frequencies_hz

    def forward(self, waveform: Tensor) -> Tensor:
        assert waveform.dtype == torch.float32
        return waveform[:, None, None, :8]


def test_any_front_end_can_take_the_place(forest: Path, tmp_path: Path) -> None:
    data = module(forest, tmp_path, frontend=OnHalf())
    batch = data.spectrograms(next(iter(data.train_dataloader())))
    assert batch.spectrogram.shape == (8, 1, 1, 8)


def test_the_known_share_counts_cells_once() -> None:
    rows = pd.DataFrame({"recording_id": ["a", "a", "b"], "species_id": [1, 1, 2]})
    assert known_share(rows, 10) == pytest.approx(2 / 20)


def test_partial_constructors_receive_the_shared_numbers(forest: Path, tmp_path: Path) -> None:
    data = module(forest, tmp_path, reader=partial(AudioReader, channel=0), sample_rate=32_000)
    assert (data.reader.sample_rate, data.reader.channel) == (32_000, 0)
    assert data.crops.duration_s == 3.0


def test_pseudo_rows_are_trained_on_but_never_those_of_the_held_out_fold(
    forest: Path, tmp_path: Path
) -> None:
    plain = module(forest, tmp_path)
    names = sorted(plain.training_recordings())
    held_out = plain.val_rows["recording_id"].iloc[0]
    pseudo = pd.DataFrame(
        {
            "recording_id": [names[0], held_out, plain.train_rows["recording_id"].iloc[0]],
            "species_id": [0, 0, plain.train_rows["species_id"].iloc[0]],
            "songtype_id": 1,
            "t_min": [0.0, 0.0, plain.train_rows["t_min"].iloc[0]],
            "t_max": [12.0, 12.0, plain.train_rows["t_max"].iloc[0]],
            "f_min": 100.0,
            "f_max": 200.0,
            "present": True,
            "weight": 0.5,
            "round": 1,
            "teacher": "t",
            "score": 0.95,
        }
    )
    told = plain.train_rows[plain.train_rows["recording_id"] == names[0]]
    free = next(s for s in range(24) if s not in set(told["species_id"]))
    pseudo.loc[0, "species_id"] = free
    pseudo.to_csv(tmp_path / "rows.csv", index=False)
    data = module(forest, tmp_path, pseudo_rows=str(tmp_path / "rows.csv"))
    added = data.train_rows[data.train_rows["pseudo"]]
    assert added["recording_id"].to_list() == [names[0]]
    assert data.set_aside["reason"].to_list() == ["redundant"]
    assert "1 of the rows to train on are pseudo-labels" in data.summary()
    assert len(data.val_rows) == len(plain.val_rows)
    weights = [batch.labels.clip.known[:, free].max() for batch in data.train_dataloader()]
    assert 0.5 in [float(weight) for weight in weights]


def test_boxes_come_to_lie_on_the_axes(forest: Path, tmp_path: Path) -> None:
    data = module(forest, tmp_path)
    crops = next(iter(data.train_dataloader()))
    theirs, ours = crops.labels.boxes, data.spectrograms(crops).labels.boxes
    there = theirs.species >= 0
    assert torch.allclose(ours.t_max[there], theirs.t_max[there] / 3.0)
    places = torch.tensor(data.frontend.band_of(theirs.f_min[there].tolist())) / 128
    assert torch.allclose(ours.f_min[there], places.float(), atol=1e-5)
    assert (ours.f_max[there] > ours.f_min[there]).all()


def test_an_epoch_has_as_many_batches_as_the_loader(forest: Path, tmp_path: Path) -> None:
    for batch_size in (1, 8, 10_000):
        data = module(forest, tmp_path, batch_size=batch_size)
        assert data.batches_per_epoch == len(data.train_dataloader())


@pytest.mark.parametrize(("workers", "ahead"), [(0, None), (1, 4), (2, 2)])
def test_workers_read_ahead(workers: int, ahead: int | None, forest: Path, tmp_path: Path) -> None:
    loader = module(forest, tmp_path, num_workers=workers).train_dataloader()
    assert (loader.num_workers, loader.prefetch_factor) == (workers, ahead)
    assert loader.persistent_workers == (workers > 0)


def test_what_is_no_number_of_workers_is_refused(forest: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="num_workers = 'some'"):
        module(forest, tmp_path, num_workers="some")
    with pytest.raises(ValueError, match="batch_size = 0"):
        module(forest, tmp_path, batch_size=0)
