"""Combinations that cannot work, found before any data is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from rfcx_audio.model import ClassBandDetector


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
        ValueError: front end, encoder, head and crop length do not fit together, or they leave a
            part of the head (`least_map`) so small a map that it has nothing to distinguish.
    """
    was_training = model.training
    spectrogram = frontend(torch.zeros(1, num_samples))
    with _maps_seen(model) as maps:
        logits = model.eval()(spectrogram)
    model.train(was_training)
    for part, (height, width) in maps.items():
        if height < part.least_map[0] or width < part.least_map[1]:
            raise ValueError(_too_small(model, part, (height, width), spectrogram))
    if logits.clip.shape[1] != num_species:
        raise ValueError(
            f"the model scores {logits.clip.shape[1]} species, the labels have {num_species}; "
            "model.head.num_species must be data.num_species"
        )


@contextmanager
def _maps_seen(model: nn.Module) -> Iterator[dict[Any, tuple[int, int]]]:
    """Height and width of the maps that parts with a `least_map` are given meanwhile."""
    maps: dict[Any, tuple[int, int]] = {}

    def note(part: nn.Module, given: tuple[Tensor, ...]) -> None:
        maps[part] = (given[0].shape[2], given[0].shape[3])

    parts = [part for part in model.modules() if hasattr(part, "least_map")]
    hooks = [part.register_forward_pre_hook(note) for part in parts]
    try:
        yield maps
    finally:
        for hook in hooks:
            hook.remove()


def _too_small(model: nn.Module, part: Any, found: tuple[int, int], spectrogram: Tensor) -> str:  # noqa: ANN401
    (height, width), (mels, frames) = part.least_map, spectrogram.shape[2:]
    heads = [head for head in model.modules() if getattr(head, "attention", None) is part]
    mends = []
    if any(getattr(head, "reduction", 1) > 1 for head in heads):
        mends.append("set model.head.block_pool=1, which keeps the map's size")
    if isinstance(model, ClassBandDetector) and model.mode == "crop":
        mends.append("raise model.size")
    elif found[0] < height:
        mends.append("raise frontend.n_mels")
    elif found[1] < width:
        mends.append("lower frontend.hop_length, or raise data.crop_duration_s")
    mends.append("choose model/head=linear")
    return (
        f"the {mels} mels x {frames} frames of a crop become a map of {found[0]} x {found[1]} "
        f"before the attention of the head ({type(part).__name__}), which needs {height} x {width} "
        f"at least: an axis of size 1 has nothing to squeeze or to gate; to mend it, "
        f"{', or '.join(mends)}"
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
