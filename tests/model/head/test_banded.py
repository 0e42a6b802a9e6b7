from __future__ import annotations

import torch
from torch import nn

from rfcx_audio.model import BandedHead, LinearHead


def test_the_logits_are_a_linear_layer_of_pooled_bands() -> None:
    head = BandedHead(in_features=3, num_species=5, num_bands=2).eval()
    features = torch.randn(4, 3, 6, 7)
    pooled = []
    for example in features:
        bands = torch.stack([example[:, :3].mean(1), example[:, 3:].mean(1)], dim=1)
        pooled.append(torch.cat([bands.mean(2), bands.max(2).values]).flatten())
    assert torch.allclose(head(features).clip, head.linear(torch.stack(pooled)), atol=1e-6)
    assert torch.equal(head(features).frame[:, 0], head(features).clip)


def test_it_distinguishes_pitch_where_the_linear_head_does_not() -> None:
    low, high = torch.zeros(1, 3, 4, 7), torch.zeros(1, 3, 4, 7)
    low[:, :, 0], high[:, :, 3] = 1.0, 1.0

    def differ(head: nn.Module) -> bool:
        return not torch.allclose(head(low).clip, head(high).clip)

    assert differ(BandedHead(3, 5).eval())
    assert not differ(LinearHead(3, 5).eval())


def test_a_map_smaller_than_the_bands_still_works() -> None:
    assert BandedHead(3, 5, num_bands=4).eval()(torch.randn(2, 3, 2, 9)).clip.shape == (2, 5)
