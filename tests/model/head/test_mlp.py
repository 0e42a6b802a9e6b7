from __future__ import annotations

import torch

from rfcx_audio.model import MLPHead


def test_it_is_a_hidden_layer_on_the_mean() -> None:
    head = MLPHead(6, num_species=4, hidden=5).eval()
    features = torch.randn(3, 6, 1, 7)
    norm = head.classifier.layers[3]
    first, last = head.classifier.layers[1], head.classifier.layers[5]
    logits = head(features)
    for number in range(3):
        hidden = first.weight @ features[number, :, 0].mean(1) + first.bias
        hidden = torch.where(hidden > 0, hidden, 0.25 * hidden) / (1 + norm.eps) ** 0.5
        torch.testing.assert_close(logits.clip[number], last.weight @ hidden + last.bias)
    assert torch.equal(logits.frame[:, 0], logits.clip)
