from __future__ import annotations

import torch

from rfcx_audio.model import SkipAttention


def test_the_attention_sees_both_ways() -> None:
    head = SkipAttention(8, num_species=4, conv_channels=(6, 10), skip_channels=5).eval()
    seen: list[torch.Tensor] = []
    head.attention.register_forward_hook(lambda _module, given, _result: seen.append(given[0]))
    features = torch.randn(2, 8, 8, 13)
    logits = head(features)
    normalised = head.norm(features)
    assert seen[0].shape == (2, 15, 2, 3)
    torch.testing.assert_close(seen[0][:, :10], head.blocks(normalised))
    torch.testing.assert_close(seen[0][:, 10:], head.skip(normalised))
    assert logits.clip.shape == (2, 4)
    assert torch.equal(logits.frame[:, 0], logits.clip)
    assert head.reduction == 4
