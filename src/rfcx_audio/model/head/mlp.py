"""The head with a hidden layer."""

from __future__ import annotations

from torch import Tensor, nn

from rfcx_audio.batch import Logits
from rfcx_audio.model.blocks import PooledClassifier


class MLPHead(nn.Module):
    """Mean over the map of features, one hidden layer, and one logit for each species.

    Args:
        in_features: of the encoder.
        num_species: logits.
        hidden: units of the hidden layer.
        dropout: probability, before and after the hidden layer.
    """

    reduction = 1

    def __init__(
        self, in_features: int, num_species: int, hidden: int = 256, dropout: float = 0.3
    ) -> None:
        super().__init__()
        self.classifier = PooledClassifier(in_features, num_species, hidden, dropout)

    def forward(self, features: Tensor) -> Logits:
        """The logits of features (batch, in_features, height, width); it does not localise."""
        clip = self.classifier(features)  # (batch, species)
        return Logits(clip=clip, frame=clip.unsqueeze(1))
