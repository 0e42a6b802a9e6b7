"""What holds for every augmentation under `conf/augment`, unasked."""

from __future__ import annotations

import pytest
import torch
from omegaconf import OmegaConf

from rfcx_audio.batch import Labels
from rfcx_audio.config import CONF_DIR, build

NAMES = sorted(path.stem for path in (CONF_DIR / "augment").glob("*.yaml"))


@pytest.mark.parametrize("name", NAMES)
def test_shapes_are_kept_and_the_seed_decides(name: str) -> None:
    chain = build(OmegaConf.load(CONF_DIR / "augment" / f"{name}.yaml"))
    labels = Labels(torch.ones(8, 5), (torch.rand(8, 5) < 0.3).float())
    waveform, spectrogram = torch.randn(8, 4800), torch.randn(8, 1, 32, 40)
    for method, signal in ((chain.on_waveform, waveform), (chain.on_spectrogram, spectrogram)):
        first, said = method(signal, labels, torch.Generator().manual_seed(3))
        again, _ = method(signal, labels, torch.Generator().manual_seed(3))
        assert first.shape == signal.shape
        assert torch.equal(first, again)
        assert torch.isfinite(first).all()
        assert said.target.shape == said.known.shape == labels.known.shape
        assert ((said.known >= 0) & (said.known <= 1)).all()


@pytest.mark.parametrize("name", NAMES)
def test_nothing_unknown_becomes_absent(name: str) -> None:
    chain = build(OmegaConf.load(CONF_DIR / "augment" / f"{name}.yaml"))
    unknown = Labels(torch.zeros(8, 5), torch.zeros(8, 5))
    for seed in range(5):
        generator = torch.Generator().manual_seed(seed)
        _, said = chain.on_waveform(torch.randn(8, 4800), unknown, generator)
        _, said = chain.on_spectrogram(torch.randn(8, 1, 32, 40), said, generator)
        assert not said.known.any()
