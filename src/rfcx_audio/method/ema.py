"""An exponential moving average of a network's weights."""

from __future__ import annotations

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel


class MovingAverage(AveragedModel):
    """A copy of a network whose weights and buffers follow it.

    `AveragedModel.update_parameters` reads from the device, at every step, how often it was called.
    For `follow` the host counts, so that no step waits for the device.

    Args:
        model: which is copied.
        decay: in (0, 1), the share of its old weights that the copy keeps at a step.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        super().__init__(model, use_buffers=True)
        self.decay = decay
        self.requires_grad_(False)

    @torch.no_grad()
    def follow(self, model: nn.Module, first: bool) -> None:
        """Moves the copy towards the network.

        Args:
            model: the network.
            first: whether this is the first time, when the copy takes its weights as they are.
        """
        pairs = [
            (mine, other)
            for part in ("parameters", "buffers")
            for mine, other in zip(
                getattr(self.module, part)(), getattr(model, part)(), strict=True
            )
        ]
        averaged = [pair for pair in pairs if pair[0].is_floating_point() and not first]
        for mine, other in pairs:
            if first or not mine.is_floating_point():  # such as the number of batches
                mine.copy_(other)
        if averaged:
            ours, theirs = (list(column) for column in zip(*averaged, strict=True))
            torch._foreach_lerp_(ours, theirs, 1 - self.decay)  # pyright: ignore[reportPrivateImportUsage]
        self.n_averaged += 1
