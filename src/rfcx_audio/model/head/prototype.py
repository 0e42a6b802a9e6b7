"""Prototypes of species: a window is what it resembles."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from rfcx_audio.batch import Logits

Union = Literal["max", "softmax"]


class PrototypeHead(nn.Module):
    """Cosine similarities to a few learned prototypes of each species, scaled.

    A species' similarity to a column is that to its nearest prototype (`max`), or the mean over its
    prototypes weighed by how near they are (`softmax`). Its logit is a positive scale times that
    similarity, and a bias; the clip's logit is that of its best column.

    Args:
        in_features: of the encoder.
        num_species: logits.
        num_prototypes: of each species.
        union: how a species' prototypes answer together, `max` or `softmax`.
        scale: that logits begin with; each species learns its own.
        dropout: probability, of features.

    Raises:
        ValueError: there is no prototype, `union` does not exist, or `scale` is not above 0.

    Source: AudioProtoPNet, Heinrich et al. (2024), arXiv:2404.10420, and its study of settings,
    arXiv:2504.12880. Departures: prototypes are compared with whole windows of a frozen encoder,
    and not with patches of a network that learns along; they are free vectors, neither projected
    onto training examples nor kept apart by an orthogonality loss; and one scale and bias a species
    take the place of the last layer, in which each prototype has a weight of its own.
    """

    reduction = 1

    def __init__(
        self,
        in_features: int,
        num_species: int,
        num_prototypes: int = 3,
        union: Union = "softmax",
        scale: float = 10.0,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        if num_prototypes < 1 or scale <= 0:
            raise ValueError(
                f"num_prototypes = {num_prototypes} and scale = {scale}; expected at least 1, and "
                "a scale above 0"
            )
        if union not in get_args(Union):
            raise ValueError(f"union = {union!r} does not exist; choose max or softmax")
        self.union: Union = union
        self.dropout = nn.Dropout(dropout)
        self.prototypes = nn.Parameter(torch.randn(num_species, num_prototypes, in_features))
        self.log_scale = nn.Parameter(torch.full((num_species,), scale).log())
        self.bias = nn.Parameter(torch.zeros(num_species))

    def forward(self, features: Tensor) -> Logits:
        """The logits of features (batch, in_features, height, width); a frame for each column."""
        columns = self.dropout(features.mean(2).transpose(1, 2))  # (batch, width, in_features)
        ours = functional.normalize(self.prototypes, dim=-1)  # (species, prototypes, in_features)
        theirs = functional.normalize(columns, dim=-1)
        each = torch.einsum("bwf,spf->bwsp", theirs, ours)  # cosines
        scale = self.log_scale.exp()
        if self.union == "max":
            nearest = each.amax(-1)  # (batch, width, species)
        else:
            nearest = (functional.softmax(scale[:, None] * each, -1) * each).sum(-1)
        frame = scale * nearest + self.bias
        return Logits(clip=frame.amax(1), frame=frame)
