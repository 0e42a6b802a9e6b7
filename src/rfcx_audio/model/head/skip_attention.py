"""The deck's skip-attention model: a second, shorter way around the convolution blocks."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from rfcx_audio.batch import Logits
from rfcx_audio.model.attention import CBAM, Order, Squeeze
from rfcx_audio.model.blocks import PooledClassifier, conv_blocks


class SkipAttention(nn.Module):
    """Attention model v2 whose attention also sees a skip branch from the encoder.

    In training a batch needs at least two examples, see `PooledClassifier`.

    Args:
        in_features: of the encoder.
        num_species: logits.
        conv_channels: of each convolution block.
        skip_channels: of the skip branch, which is one 3x3 convolution with batch normalisation and
            ReLU, averaged down to the size of the blocks' output.
        reduction: of the channel gate, see `ChannelGate`.
        kernel_size: of the spatial gate.
        squeeze: the axis that the spatial gate loses.
        order: of the two gates.
        hidden: units of the classifier's hidden layer.
        dropout: probability, before and after that layer.
        block_pool: by how much each block shrinks the map, 2 in the deck. Two such blocks on an
            encoder of reduction 32 leave one band and two frames of a 6 s crop, of which nothing
            can be squeezed; 1 keeps the map.

    Attributes:
        reduction: by how much both branches shrink the map.

    Source: the deck, "Other things that did not work", which draws the branches, their
        concatenation and the attention after it, but not what is inside the branch.
    """

    def __init__(
        self,
        in_features: int,
        num_species: int,
        conv_channels: Sequence[int] = (256, 512),
        skip_channels: int = 256,
        reduction: int = 16,
        kernel_size: int = 7,
        squeeze: Squeeze = "channel",
        order: Order = "sequential",
        hidden: int = 128,
        dropout: float = 0.4,
        block_pool: int = 2,
    ) -> None:
        super().__init__()
        channels = [in_features, *conv_channels][-1]
        self.reduction = block_pool ** len(conv_channels)
        self.norm = nn.BatchNorm2d(in_features)
        self.blocks = conv_blocks(in_features, conv_channels, block_pool)
        self.skip = nn.Sequential(
            nn.Conv2d(in_features, skip_channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(skip_channels),
            nn.ReLU(),
            nn.AvgPool2d(self.reduction),
        )
        both = channels + skip_channels
        self.attention = CBAM(both, reduction, kernel_size, squeeze, order)
        self.classifier = PooledClassifier(both, num_species, hidden, dropout)

    def forward(self, features: Tensor) -> Logits:
        """The logits of features (batch, in_features, height, width); it does not localise."""
        normalised = self.norm(features)  # (batch, in_features, height, width)
        convolved = self.blocks(normalised)  # (batch, channels, height / pools, …)
        skipped = self.skip(normalised)  # (batch, skip_channels, the same)
        attended = self.attention(torch.cat([convolved, skipped], dim=1))  # both channels
        clip = self.classifier(attended)  # (batch, species)
        return Logits(clip=clip, frame=clip.unsqueeze(1))
