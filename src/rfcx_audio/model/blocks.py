"""What the convolutional heads are made of: blocks of two convolutions, and a classifier."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn


class ConvBlock(nn.Sequential):
    """Two 3x3 convolutions, each with batch normalisation and ReLU, then a mean over squares.

    Args:
        in_channels: of the features.
        out_channels: of both convolutions.
        pool: side of the squares, by which the map shrinks; 1 keeps its size.

    Source: the deck's attention model v2, after PANNs (Kong et al. 2020, arXiv:1912.10211).
    """

    def __init__(self, in_channels: int, out_channels: int, pool: int = 2) -> None:
        super().__init__(
            # The normalisation that follows would take a bias away again.
            nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(),
            nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(),
            nn.AvgPool2d(pool),
        )


def conv_blocks(in_channels: int, conv_channels: Sequence[int], pool: int = 2) -> nn.Sequential:
    """Blocks in a row, one for each number of output channels; each shrinks the map by `pool`."""
    channels = [in_channels, *conv_channels]
    return nn.Sequential(*(ConvBlock(before, after, pool) for before, after in pairwise(channels)))


class PooledClassifier(nn.Module):
    """Mean over the map, one hidden layer, one logit for each species.

    In training a batch needs at least two examples: the hidden layer's batch normalisation has no
    statistics of one.

    Args:
        channels: of the features.
        num_species: logits.
        hidden: units of the hidden layer.
        dropout: probability, before and after the hidden layer.
    """

    def __init__(self, channels: int, num_species: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(channels, hidden),
            nn.PReLU(hidden),
            nn.BatchNorm1d(hidden),
            nn.Dropout(dropout),
            nn.Linear(hidden, num_species),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Logits (batch, species) of features (batch, channels, height, width)."""
        return self.layers(features.mean((2, 3)))
