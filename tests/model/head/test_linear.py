from __future__ import annotations

import torch

from rfcx_audio.model import LinearHead


def test_it_is_the_mean_times_the_weights() -> None:
    head = LinearHead(6, num_species=4).eval()
    features = torch.randn(3, 6, 2, 5)
    expected = features.mean((2, 3)) @ head.linear.weight.T + head.linear.bias
    logits = head(features)
    torch.testing.assert_close(logits.clip, expected)
    assert torch.equal(logits.frame[:, 0], logits.clip)


def test_it_drops_out_in_training_only() -> None:
    torch.manual_seed(0)
    head = LinearHead(64, num_species=4, dropout=0.5)
    features = torch.randn(3, 64, 2, 5)
    assert not torch.equal(head(features).clip, head(features).clip)
    head.eval()
    assert torch.equal(head(features).clip, head(features).clip)


def test_one_example_can_be_trained_on() -> None:
    assert LinearHead(6, num_species=4)(torch.randn(1, 6, 1, 1)).clip.shape == (1, 4)
