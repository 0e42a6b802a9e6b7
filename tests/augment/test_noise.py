from __future__ import annotations

import numpy as np
import pytest
import torch

from augment.conftest import MakeLabels
from rfcx_audio.augment import GaussianNoise, PinkNoise, SpectrogramNoise


def seed() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("step", [GaussianNoise, PinkNoise])
def test_each_example_reaches_a_ratio_of_its_own_within_the_range(
    step: type[GaussianNoise], make_labels: MakeLabels
) -> None:
    signal = torch.randn(60, 2000) * torch.logspace(-3, 0, 60)[:, None]
    noisy, labels = step(3, 20, 1.0)(signal, make_labels(60), seed())
    ratio_db = 10 * torch.log10(signal.square().mean(1) / (noisy - signal).square().mean(1))
    assert 2.9 < ratio_db.min() < 5
    assert 18 < ratio_db.max() < 20.1
    fixed, _ = step(7, 7, 1.0)(signal, labels, seed())
    ratio_db = 10 * torch.log10(signal.square().mean(1) / (fixed - signal).square().mean(1))
    assert torch.allclose(ratio_db, torch.full((60,), 7.0), atol=0.05)


@pytest.mark.parametrize(("step", "slope_db"), [(GaussianNoise, 0.0), (PinkNoise, -10.0)])
def test_the_power_density_falls_by_so_many_decibels_a_decade(
    step: type[GaussianNoise], slope_db: float
) -> None:
    noise = step().noise(torch.zeros(64, 8001), seed()).numpy()
    power = (np.abs(np.fft.rfft(noise)) ** 2).mean(0)
    places = np.arange(1, len(power))
    slope, _ = np.polyfit(np.log10(places), 10 * np.log10(power[1:]), 1)
    assert slope == pytest.approx(slope_db, abs=0.3)


def test_pink_noise_has_no_constant_part() -> None:
    assert PinkNoise().noise(torch.zeros(4, 1000), seed()).mean(1).abs().max() < 1e-6


@pytest.mark.parametrize("step", [GaussianNoise, PinkNoise])
def test_zeros_stay_zeros(step: type[GaussianNoise], make_labels: MakeLabels) -> None:
    noisy, _ = step(probability=1.0)(torch.zeros(2, 100), make_labels(2), seed())
    assert not noisy.any()


def test_noise_on_spectrograms_is_relative_to_each_channel(make_labels: MakeLabels) -> None:
    level = torch.tensor([[1.0, 5.0, 0.1]] * 8)[:, :, None, None]
    signal = torch.randn(8, 3, 50, 60) * level + 4
    noisy, _ = SpectrogramNoise(0.2, 1.0)(signal, make_labels(8), seed())
    share = (noisy - signal).std(dim=(-2, -1)) / signal.std(dim=(-2, -1))
    assert torch.allclose(share, torch.full((8, 3), 0.2), rtol=0.06)
