"""Every technique with every family of encoders, for one step of training and one validation."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from quick import AS_RFCX
from rfcx_audio.config import build, load_config
from rfcx_audio.method import Supervised
from techniques import DURATION_S, RATE, SPECIES, batch, techniques, trainer
from trust.corpus import tone, write

PART = "Numerics"
FAMILIES = {
    "a slim ResNet": "resnet10t",
    "ResNet": "resnet50",
    "ResNeSt": "resnest50d",
    "DenseNet": "densenet121",
    "EfficientNet": "efficientnet_b0",
}


def recording() -> Tensor:
    return 0.2 * torch.randn(1, 2 * RATE, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Disables logging, as there is no trainer."""
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
    more = [f"paths.output_dir={folder}", f"paths.data_dir={folder}", *AS_RFCX]
    more += [f"data.crop_duration_s={DURATION_S}", "data.num_workers=0"]
    last = [f"model.encoder.name={encoder}", "model.encoder.pretrained=false"]
    config = load_config("train", [*more, *model, *words, *last])
    torch.manual_seed(0)
    method, data = build(config.method), build(config.data.module)
    method._trainer = trainer()
    method.setup("fit")
    optimizers = method.configure_optimizers()
    optimizer, scheduler = optimizers["optimizer"], optimizers["lr_scheduler"]["scheduler"]
    before = {name: value.detach().clone() for name, value in method.model.named_parameters()}

    spectrograms = data.spectrograms(batch(seed=1))
    assert spectrograms.spectrogram.isfinite().all()
    method.train()
    method.on_train_batch_start(spectrograms, 0)
    loss = method.training_step(spectrograms, 0)
    assert loss is not None
    assert loss.isfinite()
    loss.backward()
    for name, weights in method.model.named_parameters():
        assert weights.grad is None or weights.grad.isfinite().all(), name
    optimizer.step()
    scheduler.step()
    method.on_train_batch_end(None, spectrograms, 0)
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
        (tmp_path / "rfcx" / "test").mkdir(parents=True)
        write(tmp_path / "rfcx" / "test" / "background.wav", tone(duration_s=4.0))
    one_step(words, FAMILIES[family], tmp_path)
