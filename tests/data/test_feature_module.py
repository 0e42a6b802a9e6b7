from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hydra.errors import InstantiationException

from rfcx_audio.batch import SpectrogramBatch, WindowBatch
from rfcx_audio.config import CONF_DIR, build, load_config
from rfcx_audio.data import AudioReader, FeatureDataModule, StoreError
from rfcx_audio.data.sampler import BACKGROUND
from rfcx_audio.experiment import settle
from rfcx_audio.method import Supervised
from rfcx_audio.scores import Scores
from rfcx_audio.scoring import SlidingWindows
from stores import (
    HOP_S,
    NAMES,
    WIDTH,
    encoder,
    frontend,
    recordings,
    words,
    write_data,
    write_store,
)

LOSSES = sorted(path.stem for path in (CONF_DIR / "loss").glob("*.yaml"))
HEADS = ("linear", "mlp", "prototype", "attentive", "sed")
REDUCTIONS = [f"method.reduction={how}" for how in ("example", "class_balanced", "all", "sum")]
FURTHER = [
    *([word] for word in REDUCTIONS),
    ["method=co_teaching", "loss=bce"],
    ["method=co_teaching", "loss=weak_negatives", "method.select=cell"],
    ["loss=lsoft_a", "loss.teacher=ema", "method.ema_decay=0.9"],
    *([f"model/head={head}", "data.crop_duration_s=1.5"] for head in HEADS),
    ["data.crop_duration_s=5"],  # longer than any recording
    ["data.crops.background_share=0.25"],
]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write_data(tmp_path_factory.mktemp("data"))
    write_store(root, recordings(root), frontend(root))
    return root


def settled(root: Path, *more: str) -> Any:
    """Without pasted calls, which tests/data/test_pasted_calls.py has."""
    given = words(root, "data.pasted=null", "data.crops.background_share=0", *more)
    return settle(load_config("train", [*given, f"out={root / 'run'}"]))


def module(root: Path, *more: str) -> FeatureDataModule:
    try:
        data = build(settled(root, *more).data.module)
    except InstantiationException as error:  # Hydra's, of the error that a command prints
        raise error.__cause__ or error from None
    data.setup("fit")
    return data


def batches(data: FeatureDataModule) -> list[SpectrogramBatch]:
    return [data.on_after_batch_transfer(batch, 0) for batch in data.train_dataloader()]


@pytest.mark.parametrize("duration_s", [0.5, 1.25])
def test_a_crop_has_the_features_of_its_sound(root: Path, duration_s: float) -> None:
    data = module(root, f"data.crop_duration_s={duration_s}")
    made_by, reader = frontend(root), AudioReader(1000)
    found = data.labelled
    first, stops = data.places(np.arange(len(found.first)))
    drawn = torch.cat([batch.spectrogram for batch in batches(data)])
    direct = []
    for crop in range(len(first)):
        path = data.corpus.train.paths[found.recordings[found.recording[crop]]]
        start_s = HOP_S * found.first[crop]
        direct.append(made_by(torch.from_numpy(reader.read(path, start_s, duration_s))[None])[0])
    direct = torch.stack(direct)
    assert (stops > first).all()
    nearest = torch.cdist(drawn.flatten(1), direct.flatten(1)).amin(1)
    torch.testing.assert_close(nearest, torch.zeros(len(drawn)), atol=1e-5, rtol=0)


def test_a_draw_is_of_its_row_and_the_same_seed_gives_the_same_epoch(root: Path) -> None:
    data, other = module(root), module(root)
    for one, same in zip(batches(data), batches(other), strict=True):
        assert torch.equal(one.spectrogram, same.spectrogram)
        assert one.labels.rows is not None
        table = data.train_rows.iloc[one.labels.rows[:, 0].numpy()]
        cells = torch.arange(len(table)), torch.tensor(table["species_id"].to_numpy())
        present = torch.tensor(table["present"].to_numpy(dtype="float32"))
        known = one.labels.clip.known[cells]
        assert (known[present == 1] == 1).all()
        assert (known > 0).all()
        assert torch.equal(one.labels.clip.target[cells], present)
    seeded = batches(module(root, "data.seed=1"))
    assert not torch.equal(seeded[0].spectrogram, batches(data)[0].spectrogram)


def test_a_batch_is_its_crops_one_by_one(root: Path) -> None:
    loader = module(root).train_dataloader()
    draws = list(loader.sampler)[:6]
    together = loader.dataset.__getitems__(draws)
    for number, draw in enumerate(draws):
        alone = loader.dataset[draw]
        assert torch.equal(alone.spectrogram[0], together.spectrogram[number])
        assert torch.equal(alone.labels.clip.known[0], together.labels.clip.known[number])


def test_moments_are_those_of_the_windows_that_can_be_drawn(root: Path) -> None:
    data = module(root)
    first, _ = data.places(np.arange(len(data.labelled.first)))
    features = data.store.features[np.unique(first)]
    for raised in (lambda values: values, lambda values: values**0.5):
        mean, deviation = data.moments(raised)
        np.testing.assert_allclose(mean, raised(features).mean(0), rtol=1e-5)
        np.testing.assert_allclose(deviation, raised(features).std(0), rtol=1e-4)


def test_a_network_on_features_is_standardised_as_it_raises_them(root: Path) -> None:
    for power in (0.5, 1.0):
        method, data = method_of(root, f"model.power={power}")
        first, _ = data.places(np.arange(len(data.labelled.first)))
        features = data.store.features[np.unique(first)] ** power
        np.testing.assert_allclose(method.model.mean, features.mean(0), rtol=1e-5)
        np.testing.assert_allclose(method.model.deviation, features.std(0), rtol=1e-4)


def test_a_recording_shorter_than_a_crop_is_followed_by_silence(root: Path) -> None:
    data = module(root, "data.crop_duration_s=5")
    crops = torch.cat([batch.spectrogram for batch in batches(data)])
    assert crops.shape[1:] == (1, WIDTH, 19)
    stored = torch.from_numpy(data.store.features.reshape(10, 11, WIDTH).copy())
    for crop in crops[:, 0]:
        assert (stored.transpose(1, 2) == crop[:, :11]).all((1, 2)).any()
        assert not crop[:, 11:].any()


@pytest.mark.parametrize("duration_s", [0.5, 1.25])
def test_validation_scores_the_windows_that_prediction_does(root: Path, duration_s: float) -> None:
    data = module(root, f"data.crop_duration_s={duration_s}")
    found = list(data.val_dataloader())
    windows, made_by, reader = SlidingWindows(duration_s), frontend(root), AudioReader(1000)
    assert [name for batch in found for name in batch.recording_ids] == data.split.val_recordings
    for batch in found:
        assert isinstance(batch, WindowBatch)
        cuts = batch.spectrogram.split(batch.counts)
        for name, cut in zip(batch.recording_ids, cuts, strict=True):
            waveform = torch.from_numpy(reader.read(data.corpus.train.paths[name]))[None]
            torch.testing.assert_close(cut, windows.cut_windows(made_by, waveform))


def test_recordings_that_the_store_lacks_are_left_out_by_name(
    root: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    some = dict(list(recordings(root).items())[:-1])
    write_store(tmp_path, some, frontend(root))
    data = module(root, f"data.store={tmp_path / 'store'}")
    (lost,) = set(recordings(root)) - set(some)
    assert list(data.failures) == [f"audio/{lost}"]
    assert f"'audio/{lost}'" in caplog.text
    assert set(data.corpus.left_out["recording_id"]) == {f"audio/{lost}"}
    assert f"audio/{lost}" not in set(data.corpus.usable["recording_id"])


def test_a_store_of_none_of_the_rows_is_refused(root: Path, tmp_path: Path) -> None:
    others = write_data(tmp_path / "other", 2)
    named = {f"z{number}": path for number, path in enumerate(recordings(others).values())}
    write_store(tmp_path, named, frontend(root))
    with pytest.raises(ValueError, match="has no features of the recordings with rows"):
        module(root, f"data.store={tmp_path / 'store'}")


def test_a_store_of_another_hop_is_refused(root: Path) -> None:
    with pytest.raises(StoreError, match=r"hop_s 0\.25 in place of 0\.125"):
        module(root, "frontend.hop_s=0.125")


def test_augmentations_of_sound_are_refused(root: Path) -> None:
    with pytest.raises(ValueError, match=r"mixup, gain.*augment=none"):
        module(root, "augment=light")
    with pytest.raises(ValueError, match=r"data\.pasted\.share is the share"):
        module(root, "data.crops.pasted_share=0.5")


def test_a_row_that_labels_no_window_is_counted(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = module(root, "data.crops.min_overlap=1")
    assert data.labelled.unlabelled
    assert "lower data.crops.min_overlap" in caplog.text


def method_of(root: Path, *more: str) -> tuple[Supervised, FeatureDataModule]:
    """A method before its first step, with what it asks of a trainer."""
    config = settled(root, *more)
    torch.manual_seed(0)
    method, data = build(config.method), build(config.data.module)
    data.setup("fit")
    method._trainer = SimpleNamespace(
        datamodule=data,
        num_training_batches=2,
        max_epochs=1,
        current_epoch=0,
        estimated_stepping_batches=2,
        global_step=1,
        global_rank=0,
        world_size=1,
    )
    method.log = lambda *_, **__: None
    method.setup("fit")
    return method, data


@pytest.mark.parametrize("more", [*([f"loss={name}"] for name in LOSSES), *FURTHER], ids=" ".join)
def test_every_loss_reduction_head_and_method_learns_from_a_store(
    root: Path, more: list[str]
) -> None:
    if more in (["loss=epr"], ["loss=role"]):
        more = [*more, "loss.expected=1"]  # of two species
    method, data = method_of(root, *more)
    before = [value.detach().clone() for value in method.model.parameters()]
    optimizer = torch.optim.AdamW(method.model.parameters(), lr=0.01)
    for number, batch in enumerate(batches(data)):
        method.on_train_batch_start(batch, number)
        value = method.training_step(batch, number)
        assert value is not None
        assert torch.isfinite(value)
        optimizer.zero_grad()
        value.backward()
        method.on_after_backward()
        optimizer.step()
        method.on_train_batch_end(None, batch, number)
    after = list(method.model.parameters())
    assert any(not torch.equal(one, two) for one, two in zip(before, after, strict=True))
    assert all(torch.isfinite(one).all() for one in after)


def test_unknown_cells_give_no_gradient_under_masked_bce(root: Path) -> None:
    method, data = method_of(root, "loss=masked_bce", "model.head.dropout=0")
    batch = batches(data)[0]
    known = batch.labels.clip.known
    assert ((known == 0).any(1) & (known > 0).any(1)).any() or (known > 0).all()
    logits = method.model(batch.spectrogram).clip.detach().requires_grad_()
    cells = method.loss(
        SimpleNamespace(clip=logits, frame=logits[:, None], teacher=None), batch.labels
    )
    (cells.value * cells.weight).sum().backward()
    assert logits.grad is not None
    assert not logits.grad[known == 0].any()
    assert logits.grad[known > 0].all()


def test_one_species_of_ones_own_is_enough(tmp_path: Path) -> None:
    root = write_data(tmp_path / "one", 6, names=("Only: one",))
    write_store(root, recordings(root), frontend(root))
    method, data = method_of(root)
    assert data.species == ("Only: one",)
    assert method.training_step(batches(data)[0], 0) is not None


def test_names_and_widths_are_those_of_table_and_store(root: Path) -> None:
    data = module(root)
    assert data.species == NAMES
    assert data.like_frontend(torch.zeros(2, 500)).shape == (2, 1, WIDTH, 1)
    assert encoder(root).num_features == WIDTH


def test_soft_labels_fill_the_unknown_cells_of_any_window_of_a_recording(root: Path) -> None:
    plain = module(root)
    names = sorted(plain.corpus.train.paths)
    values = np.array([[0.25, 0.75]])
    starts_s = HOP_S * np.arange(11)
    tables = [
        Scores.of_windows(name, starts_s, 0.5, values.repeat(11, 0), species=NAMES)
        for name in names
    ]
    Scores.concatenate(tables).write(root / "soft.parquet")
    soft = [f"data.soft_labels={root}/soft.parquet", "data.crops.soft.weight=0.5"]
    data = module(root, *soft, "data.crops.soft.power=1", "data.crops.pseudo_share=1")
    held_out = set(data.split.val_recordings)
    assert set(data.soft.spans) == set(names) - held_out
    found = data.labelled
    assert len(found.first) == 11 * len(data.soft.spans)  # every window can be drawn
    assert not set(found.recordings) & held_out
    where = {
        (plain.labelled.recordings[plain.labelled.recording[crop]], first): crop
        for crop, first in enumerate(plain.labelled.first)
    }
    for crop, first in enumerate(found.first):
        before = where.get((found.recordings[found.recording[crop]], first))
        known = torch.zeros(2) if before is None else plain.labelled.clip.known[before]
        target = torch.zeros(2) if before is None else plain.labelled.clip.target[before]
        expected = torch.where(known > 0, target, torch.tensor([0.25, 0.75]))
        assert torch.allclose(found.clip.target[crop], expected)
        assert torch.equal(found.clip.known[crop], torch.where(known > 0, known, 0.5))
    drawn = torch.cat([batch.labels.rows for batch in batches(data)])
    assert (drawn == BACKGROUND).all()  # a recording has no row's memory
