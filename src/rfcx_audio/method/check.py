"""Combinations that cannot work, found before any data is touched."""

from __future__ import annotations

import torch
from torch import nn


@torch.no_grad()
def check_shapes(frontend: nn.Module, model: nn.Module, num_samples: int, num_species: int) -> None:
    """Sends one silent crop through front end and model.

    Args:
        frontend: (batch, samples) -> (batch, channels, mels, frames).
        model: (batch, channels, mels, frames) -> `Logits`.
        num_samples: of a crop.
        num_species: that the labels have.

    Raises:
        ValueError: front end, encoder, head and crop length do not fit together.
    """
    was_training = model.training
    spectrogram = frontend(torch.zeros(1, num_samples))
    logits = model.eval()(spectrogram)
    model.train(was_training)
    if logits.clip.shape[1] != num_species:
        raise ValueError(
            f"the model tells {logits.clip.shape[1]} species apart, the labels {num_species}; "
            "model.head.num_species must be data.num_species"
        )
