"""Numbers that are one for all species, or one for each."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor

BySpecies = float | Sequence[float]
"""One number, or one for each species."""


def by_species(name: str, number: BySpecies, like: Tensor) -> Tensor:
    """A share that may differ from species to species.

    Args:
        name: of the setting, for the error.
        number: in [0, 1].
        like: (..., species), whose type and device the result has.

    Returns:
        A scalar, or (species,).

    Raises:
        ValueError: a number lies outside [0, 1], or there is not one for each species.
    """
    check_shares(name, number)
    if not isinstance(number, Sequence):
        return torch.full((), number, dtype=like.dtype, device=like.device)
    if len(number) != like.shape[-1]:
        raise ValueError(
            f"{name} has {len(number)} numbers for {like.shape[-1]} species; give one for each, "
            f"or one for all"
        )
    return _on_device(tuple(number), like.dtype, like.device)


@lru_cache(maxsize=64)
def _on_device(numbers: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """The numbers of each species, copied once: a copy at each step would wait for the device."""
    with torch.inference_mode(mode=False):
        return torch.tensor(numbers, dtype=torch.float64).to(dtype).to(device)


def check_shares(name: str, number: BySpecies) -> None:
    """Refuses a number that is no share.

    Raises:
        ValueError: a number lies outside [0, 1].
    """
    numbers = number if isinstance(number, Sequence) else [number]
    if not all(0 <= one <= 1 for one in numbers):
        raise ValueError(f"{name} is {shown(number)}; it must lie in [0, 1]")


def shown(number: BySpecies) -> str:
    """The setting, for `repr` and errors."""
    if isinstance(number, Sequence):
        return f"[{', '.join(f'{one:g}' for one in number)}]"
    return f"{number:g}"
