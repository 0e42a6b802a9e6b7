from __future__ import annotations

import torch

from rfcx_audio.model import AttentiveHead


def test_a_clip_is_the_mean_of_its_columns_probabilities_by_attention() -> None:
    torch.manual_seed(0)
    head = AttentiveHead(6, num_species=2).eval()
    torch.nn.init.normal_(head.attention.weight)
    features = torch.randn(3, 6, 1, 5)
    logits = head(features)
    for clip in range(3):
        columns = [features[clip, :, 0, at] for at in range(5)]
        for species in range(2):
            weight, bias = head.classifier.weight[species], head.classifier.bias[species]
            probabilities = torch.stack([weight @ x + bias for x in columns]).sigmoid()
            pays = torch.stack([head.attention.weight[species] @ x for x in columns]).softmax(0)
            expected = (pays * probabilities).sum()
            torch.testing.assert_close(logits.clip[clip, species].sigmoid(), expected)
            torch.testing.assert_close(logits.frame[clip, :, species].sigmoid(), probabilities)


def test_it_begins_as_an_even_mean_and_learns_where_to_look() -> None:
    head = AttentiveHead(6, num_species=2).eval()
    logits = head(torch.randn(3, 6, 1, 5))
    torch.testing.assert_close(logits.clip.sigmoid(), logits.frame.sigmoid().mean(1))
    logits.clip.sum().backward()
    assert head.attention.weight.grad is not None
    assert head.attention.weight.grad.abs().sum() > 0


def test_of_one_column_it_is_linear() -> None:
    head = AttentiveHead(6, num_species=2).eval()
    features = torch.randn(3, 6, 1, 1)
    torch.testing.assert_close(head(features).clip, head.classifier(features[:, :, 0, 0]))
