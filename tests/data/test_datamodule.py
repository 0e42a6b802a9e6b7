from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import torch

from conftest import SMALL_FOREST
from rfcx_audio.augment import Chain
from rfcx_audio.batch import SpectrogramBatch, WindowBatch
from rfcx_audio.config import build, load_config
from rfcx_audio.data import (
    AudioReader,
    CachedReader,
    CropRecipe,
    Folds,
    Loader,
    RecordingDataModule,
    RfcxFolder,
    training_recordings,
)
from rfcx_audio.frontend import LogMel
from rfcx_audio.scoring import SlidingWindows


def module(forest: Path, tmp_path: Path, **changes: object) -> RecordingDataModule:
    settings = {
        "source": RfcxFolder(str(forest), 24),
        "reader": AudioReader(48_000),
        "crops": CropRecipe(3.0),
        "folds": Folds(str(tmp_path / "folds.csv"), num_folds=4),
        "windows": SlidingWindows(3.0),
        "frontend": LogMel(48_000),
        "augment": Chain(),
        "loader": Loader(batch_size=8, num_workers=0),
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
    assert batch.labels.clip.known.any(1).all()
    assert torch.allclose(batch.spectrogram, data.frontend(crops.waveform))


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
        limit_val_batches=3,
        limit_test_batches=1.0,
        global_rank=1,
        world_size=2,
        num_devices=2,
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


def test_pseudo_rows_are_trained_on_but_never_those_of_the_held_out_fold(
    forest: Path, tmp_path: Path
) -> None:
    plain = module(forest, tmp_path)
    rows = plain.train_rows
    name = min(training_recordings(plain.corpus, plain.folds))
    held_out = plain.val_rows["recording_id"].iloc[0]
    labelled = set(rows.loc[rows["recording_id"] == name, "species_id"])
    unlabelled = next(number for number in range(24) if number not in labelled)
    first = rows.iloc[0]
    pseudo = pd.DataFrame(
        {
            "recording_id": [name, held_out, first["recording_id"]],
            "species_id": [unlabelled, 0, first["species_id"]],
            "songtype_id": 1,
            "t_min": [0.0, 0.0, first["t_min"]],
            "t_max": [12.0, 12.0, first["t_max"]],
            "f_min": 100.0,
            "f_max": 200.0,
            "present": True,
            "weight": 0.5,
            "round": 1,
            "teacher": "t",
            "score": 0.95,
        }
    )
    pseudo.to_csv(tmp_path / "rows.csv", index=False)
    source = RfcxFolder(str(forest), 24, pseudo_rows=str(tmp_path / "rows.csv"))
    data = module(forest, tmp_path, source=source)
    added = data.train_rows[data.train_rows["pseudo"]]
    assert added["recording_id"].to_list() == [name]
    assert data.split.set_aside["reason"].to_list() == ["redundant"]
    assert "1 of the rows to train on are pseudo-labels; 1 more are set aside" in data.summary()
    assert len(data.val_rows) == len(plain.val_rows)
    weights = [batch.labels.clip.known[:, unlabelled].max() for batch in data.train_dataloader()]
    assert 0.5 in [float(weight) for weight in weights]


def test_an_epoch_has_as_many_batches_as_the_loader(forest: Path, tmp_path: Path) -> None:
    for batch_size in (1, 8, 10_000):
        data = module(forest, tmp_path, loader=Loader(batch_size, num_workers=0))
        assert data.batches_per_epoch == len(data.train_dataloader())


def test_the_numbers_are_those_of_the_parts(forest: Path, tmp_path: Path) -> None:
    data = module(forest, tmp_path, loader=Loader(8, num_workers=2, seed=7))
    assert (data.num_species, data.num_workers) == (24, 2)
    first, again, other = (
        next(iter(module(forest, tmp_path, loader=Loader(8, 0, seed)).train_dataloader()))
        for seed in (7, 7, 8)
    )
    assert torch.equal(first.waveform, again.waveform)
    assert not torch.equal(first.waveform, other.waveform)


def test_it_is_built_from_the_keys_of_the_command_line(forest: Path, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    words = [
        *("data=rfcx", f"data.root={forest}", "data.num_species=24", "data.sample_rate=32000"),
        *("data.f_min=60", "data.f_max=15000"),
        *("data.crop_duration_s=4.0", "data.batch_size=5", "data.num_workers=3", "seed=9"),
        *(f"data.pseudo_rows={rows}", "data.folds.held_out=1", "data.crops.crops_per_epoch=10"),
        *("data/reader=cached", "data.reader.channel=0", f"paths.output_dir={tmp_path}"),
    ]
    data: RecordingDataModule = build(load_config("train", words).data.module)
    assert (str(data.source.root), data.num_species) == (str(forest), 24)
    assert data.source.pseudo_rows == str(rows)
    assert isinstance(data.reader, CachedReader)
    assert (data.reader.sample_rate, data.reader.channel) == (32_000, 0)
    assert (data.crops.duration_s, data.crops.crops_per_epoch) == (4.0, 10)
    assert data.folds.held_out == 1
    assert data.loader == Loader(batch_size=5, num_workers=3, seed=9)
