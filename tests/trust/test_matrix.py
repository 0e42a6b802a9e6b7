"""Every technique with every family of encoders, for one step of training and one validation."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from rfcx_audio.batch import (
    Boxes,
    CropLabels,
    Labels,
    WaveformBatch,
)
from rfcx_audio.config import CONF_DIR, build, load_config
from rfcx_audio.method import Supervised
from trust.corpus import tone, write

PART = "Numerics"
FAMILIES = {
    "a slim ResNet": "resnet10t",
    "ResNet": "resnet50",
    "ResNeSt": "resnest50d",
    "DenseNet": "densenet121",
    "EfficientNet": "efficientnet_b0",
}
GROUPS = ("loss", "model/head", "augment", "frontend", "method", "optimizer", "scheduler")
WITH = {
    "method=co_teaching": ["loss=bce"],
    "method=frequency_filtering": ["model=class_bands_crop"],
    "method=frequency_filtering_all": ["model=class_bands_crop", "loss=weak_negatives"],
    "augment=background": ["augment.waveform.background.folder=${paths.data_dir}"],
    "frontend=three_channels": ["model.encoder.in_chans=3"],
}
"""What an option needs beside it."""

RATE, DURATION_S, BATCH, SPECIES, ROWS = 48_000, 3.0, 4, 24, 2


def techniques() -> list[list[str]]:
    """The words that choose each, one technique at a time."""
    found = [
        [*WITH.get(f"{group}={path.stem}", []), f"{group}={path.stem}"]
        for group in GROUPS
        for path in sorted((CONF_DIR / group).glob("*.yaml"))
    ]
    found += [[f"method.reduction={how}"] for how in ("example", "class_balanced", "all", "sum")]
    found += [["method=frequency_filtering", "model=class_bands_mask"]]
    found += [["loss=lsoft_a", "loss.teacher=ema", "method.ema_decay=0.99"]]
    return found


def batch(seed: int) -> WaveformBatch:
    """Noise of which some is said: rows as boxes, and labels of clips and frames that agree."""
    generator = torch.Generator().manual_seed(seed)

    def unit(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator)

    species = torch.randint(0, SPECIES, (BATCH, ROWS), generator=generator)
    present = unit(BATCH, ROWS) < 0.5
    t_min, f_min = 2 * unit(BATCH, ROWS), 500 + 3000 * unit(BATCH, ROWS)
    boxes = Boxes(
        species=species,
        songtype=torch.ones_like(species),
        present=present,
        weight=torch.ones(BATCH, ROWS),
        t_min=t_min,
        t_max=t_min + 0.8,
        f_min=f_min,
        f_max=f_min + 2000,
    )
    zeros = torch.zeros(BATCH, SPECIES)
    clip = Labels(
        zeros.scatter(1, species, present.float()),
        zeros.scatter(1, species, torch.ones(BATCH, ROWS)),
    )
    frame = Labels(*(part[:, None].repeat(1, 30, 1) for part in clip))
    waveform = 0.2 * torch.randn(BATCH, round(RATE * DURATION_S), generator=generator)
    truth = Labels(clip.target, torch.ones(BATCH, SPECIES))
    rows = torch.arange(BATCH)[:, None]
    return WaveformBatch(waveform, CropLabels(clip, frame, boxes, truth, rows), seed)


def recording() -> Tensor:
    return 0.2 * torch.randn(1, 2 * RATE, generator=torch.Generator().manual_seed(0))


def trainer() -> Any:
    """As much of a trainer as a step looks at."""
    return SimpleNamespace(
        num_training_batches=10,
        max_epochs=1,
        current_epoch=0,
        estimated_stepping_batches=10,
        global_rank=0,
        world_size=1,
        datamodule=SimpleNamespace(train_rows=range(ROWS * BATCH), num_species=SPECIES),
    )


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Without a trainer, whatever is logged is passed over."""
    monkeypatch.setattr(Supervised, "log", lambda *_, **__: None)
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


def one_step(words: list[str], encoder: str, folder: Path) -> None:
    """Trains one step and scores one recording.

    Raises:
        AssertionError: a loss, a gradient, a weight or a score is not finite, or nothing moved.
    """
    model = [] if any(word.startswith("model=") for word in words) else ["model=densenet121"]
    more = [f"paths.output_dir={folder}", f"paths.data_dir={folder}", "data=rfcx"]
    more += [f"data.crop_duration_s={DURATION_S}", "data.num_workers=0"]
    last = [f"model.encoder.name={encoder}", "model.encoder.pretrained=false"]
    config = load_config("train", [*more, *model, *words, *last])
    torch.manual_seed(0)
    method, data = build(config.method), build(config.data)
    method._trainer = trainer()
    method.setup("fit")
    optimizers = method.configure_optimizers()
    optimizer, scheduler = optimizers["optimizer"], optimizers["lr_scheduler"]["scheduler"]
    before = {name: value.detach().clone() for name, value in method.model.named_parameters()}

    said = data.spectrograms(batch(seed=1))
    assert said.spectrogram.isfinite().all()
    method.train()
    method.on_train_batch_start(said, 0)
    loss = method.training_step(said, 0)
    assert loss is not None
    assert loss.isfinite()
    loss.backward()
    for name, weights in method.model.named_parameters():
        assert weights.grad is None or weights.grad.isfinite().all(), name
    optimizer.step()
    scheduler.step()
    method.on_train_batch_end(None, said, 0)
    after = dict(method.model.named_parameters())
    assert all(value.isfinite().all() for value in after.values())
    assert any((value != before[name]).any() for name, value in after.items())

    method.eval()
    with torch.no_grad():
        windows, starts_s = data.windows.cut(data.frontend, recording())
        scores = method.windows.scores(method.model, windows)
    assert scores.shape == (len(starts_s), SPECIES)
    assert ((scores >= 0) & (scores <= 1)).all()


@pytest.mark.promise(PART, "every technique trains a step with every family of encoders")
@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("words", techniques(), ids=" ".join)
@pytest.mark.slow
@pytest.mark.trust
def test_a_technique_trains_a_step(words: list[str], family: str, tmp_path: Path) -> None:
    if any("background" in word for word in words):
        write(tmp_path / "background.wav", tone(duration_s=4.0))
    one_step(words, FAMILIES[family], tmp_path)
