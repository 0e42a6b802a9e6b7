"""The convolutional block attention module (CBAM), and the deck's variants of it."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

Squeeze = Literal["channel", "freq", "time"]
Order = Literal["sequential", "parallel"]

_AXIS = {"channel": 1, "freq": 2, "time": 3}


def mean_and_max(features: Tensor, axis: int) -> Tensor:
    """What is left of one axis: its mean, then its maximum, side by side in the channels.

    Args:
        features: (batch, channels, height, width).
        axis: 1, 2 or 3.

    Returns:
        The same with that axis of size 1, and with twice the channels (2 for axis 1).
    """
    return torch.cat([features.mean(axis, keepdim=True), features.amax(axis, keepdim=True)], dim=1)


class ChannelGate(nn.Module):
    """Which channels matter: sigmoid(MLP(mean over the map) + MLP(maximum over the map)).

    Args:
        channels: of the features.
        reduction: the hidden layer of the shared MLP has `channels // reduction` units, at least 1.

    Source: Woo et al. (2018), arXiv:1807.06521.
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        hidden = max(1, channels // reduction)
        self.mlp = nn.Sequential(
            nn.Conv2d(channels, hidden, 1, bias=False),
            nn.ReLU(),
            nn.Conv2d(hidden, channels, 1, bias=False),
        )

    def forward(self, features: Tensor) -> Tensor:
        """The gate (batch, channels, 1, 1) in [0, 1] of features (batch, channels, h, w)."""
        mean = features.mean((2, 3), keepdim=True)  # (batch, channels, 1, 1)
        peak = features.amax((2, 3), keepdim=True)  # (batch, channels, 1, 1)
        return torch.sigmoid(self.mlp(mean) + self.mlp(peak))


class SpatialGate(nn.Module):
    """Where it matters: sigmoid(convolution of the mean and the maximum over one axis).

    Args:
        squeeze: the axis that is lost. `channel`: one gate for each place of the map, as in the
            paper. `freq` or `time`: one for each frame, or for each band; all channels are kept,
            twice (mean and maximum), and convolved to one row or one column.
        channels: of the features.
        kernel_size: odd. A squeezed axis has size 1, so the kernel is (1, k) for `freq` and
            (k, 1) for `time`: the other rows of a square one would only ever see padding.

    Raises:
        ValueError: an even kernel size, or an unknown axis.

    Source: Woo et al. (2018), arXiv:1807.06521, with the batch normalisation before the sigmoid
        that is in their code, not in their formula; `freq` and `time` from the deck, whose words
        squeeze the time axis and whose code squeezes the frequency axis.
    """

    def __init__(self, squeeze: Squeeze, channels: int, kernel_size: int = 7) -> None:
        super().__init__()
        if squeeze not in _AXIS:
            raise ValueError(f"squeeze = {squeeze!r}; expected one of {', '.join(_AXIS)}")
        if kernel_size % 2 == 0:
            raise ValueError(f"kernel_size = {kernel_size}; expected an odd number")
        self.axis = _AXIS[squeeze]
        height = 1 if squeeze == "freq" else kernel_size
        width = 1 if squeeze == "time" else kernel_size
        self.conv = nn.Conv2d(
            2 if squeeze == "channel" else 2 * channels,
            1,
            kernel_size=(height, width),
            padding=(height // 2, width // 2),
            bias=False,
        )
        # Thousands of weights on features that are never negative move a bare gate by whole units
        # in one step of Adam: it closes for every input, and no gradient opens it again.
        self.norm = nn.BatchNorm2d(1)

    def forward(self, features: Tensor) -> Tensor:
        """The gate in [0, 1] of features (batch, channels, height, width).

        Returns:
            (batch, 1, height, width); height is 1 for `freq`, width is 1 for `time`.
        """
        return torch.sigmoid(self.norm(self.conv(mean_and_max(features, self.axis))))


class CBAM(nn.Module):
    """Features times their channel gate and their spatial gate.

    Args:
        channels: of the features.
        reduction: see `ChannelGate`.
        kernel_size: see `SpatialGate`.
        squeeze: see `SpatialGate`.
        order: `sequential`: the spatial gate looks at what the channel gate let through, as in the
            paper. `parallel`: both look at the features themselves, as in the deck.

    Attributes:
        least_map: height and width below which one of the gates has nothing to distinguish.

    Raises:
        ValueError: an unknown order, or what `SpatialGate` refuses.

    Source: Woo et al. (2018), arXiv:1807.06521; `parallel` from the deck.
    """

    least_map = (2, 2)

    def __init__(
        self,
        channels: int,
        reduction: int = 16,
        kernel_size: int = 7,
        squeeze: Squeeze = "channel",
        order: Order = "sequential",
    ) -> None:
        super().__init__()
        if order not in ("sequential", "parallel"):
            raise ValueError(f"order = {order!r}; expected sequential or parallel")
        self.order = order
        self.channel_gate = ChannelGate(channels, reduction)
        self.spatial_gate = SpatialGate(squeeze, channels, kernel_size)

    def forward(self, features: Tensor) -> Tensor:
        """The gated features (batch, channels, height, width), shaped as they came."""
        gated = self.channel_gate(features) * features
        seen = features if self.order == "parallel" else gated
        return gated * self.spatial_gate(seen)
