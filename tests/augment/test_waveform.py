from __future__ import annotations

import torch

from rfcx_audio.augment import Gain
from rfcx_audio.batch import Labels

LABELS = Labels(torch.ones(500, 2), torch.ones(500, 2))


def test_gain_is_drawn_for_each_example_within_its_range() -> None:
    waveform = torch.randn(500, 20)
    louder, labels = Gain(-6, 12, probability=1)(waveform, LABELS, torch.Generator().manual_seed(0))
    gain_db = 20 * torch.log10(louder / waveform)
    assert labels is LABELS
    assert torch.allclose(gain_db, gain_db[:, :1], atol=1e-3)
    assert -6.01 <= gain_db.min() < -5
    assert 11 < gain_db.max() <= 12.01


def test_gain_happens_as_often_as_asked() -> None:
    waveform = torch.randn(500, 20)
    unchanged, _ = Gain(probability=0)(waveform, LABELS, torch.Generator())
    assert torch.equal(unchanged, waveform)
    half, _ = Gain(probability=0.5)(waveform, LABELS, torch.Generator().manual_seed(0))
    share = (half != waveform).any(1).float().mean()
    assert 0.4 < share < 0.6
