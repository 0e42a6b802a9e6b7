"""The deck's attention models: convolution blocks, CBAM, a classifier."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from rfcx_audio.batch import Logits
from rfcx_audio.model.attention import CBAM, Order, Squeeze
from rfcx_audio.model.blocks import PooledClassifier, conv_blocks


class ConvAttention(nn.Module):
    """Attention model v2; without convolution blocks, v1.

    In training a batch needs at least two examples, see `PooledClassifier`.

    Args:
        in_features: of the encoder.
        num_species: logits.
        conv_channels: of each convolution block; empty for v1.
        reduction: of the channel gate, see `ChannelGate`.
        kernel_size: of the spatial gate.
        squeeze: the axis that the spatial gate loses; the deck's best is `freq`.
        order: of the two gates; the deck's best is `parallel`.
        hidden: units of the classifier's hidden layer.
        dropout: probability, before and after that layer.
        block_pool: by how much each block shrinks the map, 2 in the deck. Two such blocks on an
            encoder of reduction 32 leave one band and two frames of a 6 s crop, of which nothing
            can be squeezed; 1 keeps the map.

    Attributes:
        reduction: by how much the blocks shrink the map.

    Source: the deck, "CNN - Attention Model v2" and "Tweaks".
    """

    def __init__(
        self,
        in_features: int,
        num_species: int,
        conv_channels: Sequence[int] = (256, 512),
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
        self.attention = CBAM(channels, reduction, kernel_size, squeeze, order)
        self.classifier = PooledClassifier(channels, num_species, hidden, dropout)

    def forward(self, features: Tensor) -> Logits:
        """The logits of features (batch, in_features, height, width); it does not localise."""
        normalised = self.norm(features)  # (batch, in_features, height, width)
        convolved = self.blocks(normalised)  # (batch, channels, height / pools, …)
        attended = self.attention(convolved)  # the same
        clip = self.classifier(attended)  # (batch, species)
        return Logits(clip=clip, frame=clip.unsqueeze(1))
