"""The banded head: pool over time only, so that a call's frequency is not lost."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rfcx_audio.batch import Logits


def band_means(features: Tensor, num_bands: int) -> Tensor:
    """The mean of equal parts of the frequency axis, as adaptive average pooling cuts them.

    Its gradient is deterministic on CUDA, which that of `adaptive_avg_pool2d` is not.

    Args:
        features: (batch, features, height, width).
        num_bands: where the height is no multiple of it, neighbouring parts overlap.

    Returns:
        (batch, features, num_bands, width)
    """
    height = features.shape[2]
    edges = [(i * height // num_bands, -(-(i + 1) * height // num_bands)) for i in range(num_bands)]
    return torch.stack([features[:, :, low:high].mean(2) for low, high in edges], dim=2)


class BandedHead(nn.Module):
    """Mean and maximum over time in a few frequency bands, dropout, one linear layer.

    A convolution answers alike wherever a pattern lies, and a mean over the whole map forgets where
    it lay. A small encoder then cannot distinguish two species whose calls differ in pitch only.

    Args:
        in_features: of the encoder.
        num_species: logits.
        num_bands: equal parts of the frequency axis.
        dropout: probability.
    """

    reduction = 1

    def __init__(
        self, in_features: int, num_species: int, num_bands: int = 4, dropout: float = 0.2
    ) -> None:
        super().__init__()
        self.num_bands = num_bands
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(2 * in_features * num_bands, num_species)

    def forward(self, features: Tensor) -> Logits:
        """The logits of features (batch, in_features, height, width); it does not localise."""
        banded = band_means(features, self.num_bands)  # (batch, features, bands, width)
        pooled = torch.cat([banded.mean(3), banded.amax(3)], dim=1).flatten(1)
        clip = self.linear(self.dropout(pooled))  # (batch, species)
        return Logits(clip=clip, frame=clip.unsqueeze(1))
