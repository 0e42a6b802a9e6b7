"""Learning-rate schedules, stepped once a batch."""

from __future__ import annotations

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR


def warmup_cosine(optimizer: Optimizer, total_steps: int, warmup: float = 0.1) -> LambdaLR:
    """Rises linearly over the share `warmup` of all steps, then falls to 0 as a half cosine.

    Args:
        optimizer: whose rates are scaled.
        total_steps: of the whole training.
        warmup: in [0, 1).

    Raises:
        ValueError: `warmup` lies outside.
    """
    if not 0 <= warmup < 1:
        raise ValueError(f"warmup = {warmup} lies outside [0, 1[; it is a share of all steps")
    rising = warmup * total_steps

    def factor(step: int) -> float:
        if step < rising:
            return (step + 1) / (rising + 1)
        progress = (step - rising) / max(1.0, total_steps - rising)
        return 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))

    return LambdaLR(optimizer, factor)


def constant(optimizer: Optimizer, total_steps: int) -> LambdaLR:  # noqa: ARG001
    """The same rate throughout; takes `total_steps` as every schedule does."""
    return LambdaLR(optimizer, lambda _: 1.0)
