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
    numbers = check_shares(name, number)
    if numbers.ndim and numbers.shape != like.shape[-1:]:
        raise ValueError(
            f"{name} has {len(numbers)} numbers for {like.shape[-1]} species; give one for each, "
            f"or one for all"
        )
    if not numbers.ndim:
        return torch.full((), float(numbers), dtype=like.dtype, device=like.device)
    return _on_device(tuple(numbers.tolist()), like.dtype, like.device)


@lru_cache(maxsize=64)
def _on_device(numbers: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """The numbers of each species, copied once: a copy at each step would wait for the device."""
    with torch.inference_mode(mode=False):
        return torch.tensor(numbers, dtype=torch.float64).to(dtype).to(device)


def check_shares(name: str, number: BySpecies) -> Tensor:
    """The number or numbers, refused where one is no share.

    Raises:
        ValueError: a number lies outside [0, 1].
    """
    numbers = torch.as_tensor(number, dtype=torch.float64)
    if not ((numbers >= 0) & (numbers <= 1)).all():
        raise ValueError(f"{name} is {shown(number)}; it must lie in [0, 1]")
    return numbers


def shown(number: BySpecies) -> str:
    """The setting, for `repr` and errors."""
    if isinstance(number, Sequence):
        return f"[{', '.join(f'{one:g}' for one in number)}]"
    return f"{number:g}"
