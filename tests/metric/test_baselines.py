from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rfcx_audio.metric import (
    average_precision,
    band_energy,
    band_energy_scores,
    lwlrap,
    masked_auroc,
    prior_scores,
    random_scores,
    shuffled,
)


def truth(seed: int = 0, n: int = 400) -> torch.Tensor:
    """Ten species whose prevalence falls from 0.9 to 0.02."""
    prevalence = torch.linspace(0.95, 0.14, 10).square()
    draws = torch.rand(n, 10, generator=torch.Generator().manual_seed(seed))
    return (draws < prevalence).float()


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_prior_scores_are_the_prevalence_in_every_row():
    target = truth()
    scores = prior_scores(target)
    assert scores.shape == target.shape
    assert torch.equal(scores[0], target.mean(0))
    assert torch.equal(scores[0], scores[-1])
    with pytest.raises(ValueError, match="no recording"):
        prior_scores(target[:0])


def test_under_a_skewed_prior_no_constant_ranking_beats_the_prevalence():
    target = truth()
    best = lwlrap(prior_scores(target), target)
    for seed in range(20):
        other = torch.rand(10, generator=seeded(seed)).expand(target.shape)
        assert lwlrap(other, target) <= best
    assert best > lwlrap(random_scores(*target.shape, generator=seeded()), target) + 0.2


def test_the_prior_fools_the_ranking_of_species_but_not_that_of_recordings():
    target = truth()
    scores = prior_scores(target)
    assert masked_auroc(scores, target).tolist() == [0.5] * 10
    torch.testing.assert_close(average_precision(scores, target), target.double().mean(0))


def test_random_scores_follow_their_generator():
    first, again = (random_scores(5, 3, seeded(1)) for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, random_scores(5, 3, seeded(2)))
    assert first.shape == (5, 3)


def test_shuffling_keeps_the_rows_and_follows_its_generator():
    scores = torch.arange(40.0).view(10, 4)
    mixed = shuffled(scores, seeded(3))
    assert torch.equal(mixed, shuffled(scores, seeded(3)))
    assert not torch.equal(mixed, scores)
    assert torch.equal(mixed.sort(0).values, scores)


def test_shuffling_costs_constant_scores_nothing_and_perfect_ones_a_tenth():
    target = truth()
    constant = prior_scores(target)
    assert torch.equal(shuffled(constant, seeded()), constant)
    assert lwlrap(shuffled(target, seeded()), target) < 0.9 * lwlrap(target, target)


def looped(spectrogram: np.ndarray, band: tuple[int, int], frames_per_call: int) -> float:
    level = spectrogram[band[0] : band[1]].mean(0)
    length = min(frames_per_call, len(level))
    smooth = [level[i : i + length].mean() for i in range(len(level) - length + 1)]
    return max(smooth) - sorted(smooth)[(len(smooth) - 1) // 2]


@settings(deadline=None, max_examples=30)
@given(
    seed=st.integers(0, 10_000),
    frames=st.integers(1, 12),
    bands=st.lists(
        st.tuples(st.integers(0, 5), st.integers(1, 6)).filter(lambda b: b[0] < b[1]),
        min_size=1,
        max_size=4,
    ),
    data=st.data(),
)
def test_band_energy_equals_a_loop(seed, frames, bands, data):
    spectrogram = torch.randn(6, frames, generator=seeded(seed)) - 5
    calls = [data.draw(st.integers(1, 15)) for _ in bands]
    scores = band_energy_scores(spectrogram, torch.tensor(bands), torch.tensor(calls))
    expected = [
        looped(spectrogram.double().numpy(), band, call)
        for band, call in zip(bands, calls, strict=True)
    ]
    assert scores.tolist() == pytest.approx(expected, abs=1e-6)
    assert scores.dtype == torch.float32
    assert band_energy(spectrogram, bands[0], calls[0]) == pytest.approx(expected[0], abs=1e-6)


def test_a_call_raises_the_score_of_its_band_only_by_its_level():
    spectrogram = torch.full((8, 100), -7.0)
    spectrogram[2:4, 40:50] = -3.0
    bands = torch.tensor([[2, 4], [4, 8], [0, 4]])
    scores = band_energy_scores(spectrogram, bands, torch.tensor([10, 10, 20]))
    torch.testing.assert_close(scores, torch.tensor([4.0, 0.0, 1.0]))


def test_a_call_longer_than_the_recording_scores_nothing():
    assert band_energy(torch.randn(4, 6, generator=seeded()), (0, 4), 7) == 0


@pytest.mark.parametrize(
    ("bands", "calls", "message"),
    [
        ([[0, 4], [3, 3]], [1, 1], r"band \[3, 3\] of species 1"),
        ([[0, 9]], [1], "8 mel bands"),
        ([[-1, 2]], [1], "outside"),
        ([[0, 4]], [0], "calls of"),
    ],
)
def test_bands_and_calls_that_do_not_fit_are_refused(bands, calls, message):
    with pytest.raises(ValueError, match=message):
        band_energy_scores(torch.zeros(8, 5), torch.tensor(bands), torch.tensor(calls))
    with pytest.raises(ValueError, match="at least one frame"):
        band_energy_scores(torch.zeros(8, 0), torch.tensor([[0, 4]]), torch.tensor([1]))
