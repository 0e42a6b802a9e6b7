from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from augment.conftest import MakeLabels
from rfcx_audio.augment import SpectrogramMixup, WaveformMixup, blend, union
from rfcx_audio.augment.mixup import beta
from rfcx_audio.batch import Labels


def seed(number: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(number)


@pytest.mark.parametrize("alpha", [0.05, 0.4, 3.0])
def test_shares_are_beta_distributed(alpha: float) -> None:
    draws = beta((4000,), alpha, torch.zeros(1), seed()).double().numpy()
    assert np.isfinite(draws).all()
    # Draws that float32 rounds to 1 make the tails of a small alpha discrete: compare the middle.
    for place in (0.1, 0.3, 0.5, 0.7, 0.9):
        expected = stats.beta(alpha, alpha).cdf(place)
        assert (draws < place).mean() == pytest.approx(expected, abs=0.03)


def test_waveforms_are_added_and_their_labels_joined(make_labels: MakeLabels) -> None:
    waveform = torch.arange(6.0)[:, None].expand(6, 4).contiguous() * 10
    labels = make_labels(6)._replace(clip=Labels(torch.eye(6)[:, :4], torch.eye(6)[:, :4]))
    mixed, relabelled = WaveformMixup(1.0)(waveform, labels, seed())
    other = ((mixed - waveform)[:, 0] / 10).long()
    assert sorted(other.tolist()) == list(range(6))
    expected = union(labels.clip, Labels(*(part[other] for part in labels.clip)))
    assert torch.equal(relabelled.clip.target, expected.target)
    assert torch.equal(relabelled.clip.known, expected.known)


@pytest.mark.parametrize("how", ["blend", "union"])
def test_spectrograms_and_labels_are_blended_by_the_same_share(
    how: str, make_labels: MakeLabels
) -> None:
    # Powers of two, so that the parts of a mixture follow from its values.
    spectrogram = torch.zeros(5, 5, 2, 3)
    for number in range(5):
        spectrogram[number, number] = 1
    labels = make_labels(5)
    step = SpectrogramMixup(0.8, 1.0, how)  # pyright: ignore[reportArgumentType]
    mixed, relabelled = step(spectrogram, labels, seed(1))
    weights = mixed[:, :, 0, 0]  # (batch, parts): the share of each example in each mixture
    assert torch.allclose(weights.sum(1), torch.ones(5))
    for number, row in enumerate(weights):
        own = slice(number, number + 1)
        parts = [part for part in row.nonzero().flatten().tolist() if part != number] or [number]
        other = slice(parts[0], parts[0] + 1)
        share = row[own] if parts != [number] else torch.ones(1)
        pair = [Labels(*(part[rows] for part in labels.clip)) for rows in (own, other)]
        expected = blend(*pair, share) if how == "blend" else union(*pair)
        assert torch.allclose(relabelled.clip.known[own], expected.known, atol=1e-5)
        labelled = expected.known > 1e-3
        assert torch.allclose(
            relabelled.clip.target[own][labelled], expected.target[labelled], atol=1e-4
        )


def test_an_example_is_mixed_as_often_as_asked(make_labels: MakeLabels) -> None:
    signal, labels = torch.randn(400, 1, 2, 3), make_labels(400)
    for step in (WaveformMixup(0.3), SpectrogramMixup(1.0, 0.3)):
        flat = signal.flatten(1) if isinstance(step, WaveformMixup) else signal
        mixed, relabelled = step(flat, labels, seed())
        changed = (mixed != flat).flatten(1).any(1)
        assert 0.2 < changed.float().mean() < 0.4
        assert (relabelled.boxes.species[~changed, 3:] == -1).all()


@pytest.mark.parametrize("wrong", [{"alpha": 0.0}, {"labels": "both"}])
def test_settings_out_of_range_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        SpectrogramMixup(**wrong)
