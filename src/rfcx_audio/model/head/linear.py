"""The baseline head: pool, drop out, one linear layer."""

from __future__ import annotations

from torch import Tensor, nn

from rfcx_audio.batch import Logits


class LinearHead(nn.Module):
    """Mean over the map of features, dropout, and one logit for each species.

    Args:
        in_features: of the encoder.
        num_species: logits.
        dropout: probability.
    """

    reduction = 1

    def __init__(self, in_features: int, num_species: int, dropout: float = 0.2) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(in_features, num_species)

    def forward(self, features: Tensor) -> Logits:
        """The logits of features (batch, in_features, height, width); it does not localise."""
        pooled = features.mean((2, 3))  # (batch, in_features)
        clip = self.linear(self.dropout(pooled))  # (batch, species)
        return Logits(clip=clip, frame=clip.unsqueeze(1))
