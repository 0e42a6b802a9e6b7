"""Combinations that cannot work, found before any data is read."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler


@torch.no_grad()
def check_shapes(
    frontend: Callable[[Tensor], Tensor], model: nn.Module, num_samples: int, num_species: int
) -> None:
    """Passes one crop of zeros through front end and model.

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
            f"the model scores {logits.clip.shape[1]} species, the labels have {num_species}; "
            "model.head.num_species must be data.num_species"
        )


def check_steps(optimizer: Callable[..., Optimizer], scheduler: Callable[..., LRScheduler]) -> None:
    """Builds optimizer and scheduler for one weight.

    Args:
        optimizer: `optimizer(parameters)`.
        scheduler: `scheduler(optimizer, total_steps)`.

    Raises:
        ValueError: one of them refuses its settings.
    """
    scheduler(optimizer([nn.Parameter(torch.zeros(1))]), 10)
