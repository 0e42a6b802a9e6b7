from __future__ import annotations

import pytest
import torch
from torch import nn

from rfcx_audio.model import ConvBlock, PooledClassifier
from rfcx_audio.model.blocks import conv_blocks


def test_a_block_is_two_convolutions_and_half_the_size() -> None:
    block = ConvBlock(3, 8)
    kinds = [type(layer) for layer in block]
    convolution = [nn.Conv2d, nn.BatchNorm2d, nn.ReLU]
    assert kinds == [*convolution, *convolution, nn.AvgPool2d]
    assert [layer.kernel_size for layer in block if isinstance(layer, nn.Conv2d)] == [(3, 3)] * 2
    assert block(torch.randn(2, 3, 9, 10)).shape == (2, 8, 4, 5)


def test_blocks_follow_each_other() -> None:
    blocks = conv_blocks(3, [8, 16])
    assert [block[0].in_channels for block in blocks] == [3, 8]
    assert blocks(torch.randn(2, 3, 8, 12)).shape == (2, 16, 2, 3)


def test_blocks_without_pooling_keep_the_size_of_the_map() -> None:
    assert conv_blocks(3, [8, 16], pool=1)(torch.randn(2, 3, 4, 9)).shape == (2, 16, 4, 9)


def test_no_blocks_change_nothing() -> None:
    features = torch.randn(2, 3, 4, 5)
    assert torch.equal(conv_blocks(3, [])(features), features)


def test_the_classifier_pools_before_anything_else() -> None:
    classifier = PooledClassifier(6, num_species=4, hidden=5, dropout=0.4).eval()
    features = torch.randn(3, 6, 2, 7)
    shuffled = features.flatten(2)[:, :, torch.randperm(14)].reshape(features.shape)
    assert classifier(features).shape == (3, 4)
    torch.testing.assert_close(classifier(features), classifier(shuffled))


def test_one_example_can_be_scored_but_not_trained_on() -> None:
    classifier = PooledClassifier(6, num_species=4, hidden=5, dropout=0.4)
    one = torch.randn(1, 6, 2, 7)
    with pytest.raises(ValueError, match="more than 1 value"):
        classifier(one)
    assert classifier.eval()(one).shape == (1, 4)
