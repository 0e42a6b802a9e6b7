"""Attention over the columns of a map of features, without a hidden layer."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from rfcx_audio.batch import Logits
from rfcx_audio.model.head.sed import Pooling, attend


class AttentiveHead(nn.Module):
    """A logit for each column and species, and an attention of each species that unites them.

    It is `SEDHead` without its hidden layer and its smoothing over time, for features that a
    pretrained encoder has made ready. Attention begins even, so that at first a clip is the mean of
    its columns; with a single column this is `LinearHead`.

    Args:
        in_features: of the encoder.
        num_species: logits.
        dropout: probability, of features.
        pooling: how columns make a clip, see `attend`.

    Raises:
        ValueError: in `forward`, if `pooling` does not exist.

    Source: Ilse et al. (2018), arXiv:1802.04712, attention-based pooling of instances. Departures:
    one attention for each species, of one linear layer, and it weighs decisions (as Kong et al.
    2020, arXiv:1912.10211) instead of features.
    """

    reduction = 1

    def __init__(
        self,
        in_features: int,
        num_species: int,
        dropout: float = 0.2,
        pooling: Pooling = "probability",
    ) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(in_features, num_species)
        self.attention = nn.Linear(in_features, num_species, bias=False)  # softmax: no bias needed
        nn.init.zeros_(self.attention.weight)
        self.pooling: Pooling = pooling

    def forward(self, features: Tensor) -> Logits:
        """The logits of features (batch, in_features, height, width); a frame for each column."""
        columns = self.dropout(features.mean(2).transpose(1, 2))  # (batch, width, in_features)
        frame = self.classifier(columns)  # (batch, width, species)
        frame = frame.to(torch.promote_types(frame.dtype, torch.float32))
        log_attention = functional.log_softmax(self.attention(columns).to(frame.dtype), dim=1)
        return Logits(clip=attend(frame, log_attention, self.pooling), frame=frame)
