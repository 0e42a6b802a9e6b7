"""What several processes that train one model have to agree on."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel


def num_processes() -> int:
    """Processes that train together; 1 where there is only this one."""
    group = torch.distributed
    return group.get_world_size() if group.is_available() and group.is_initialized() else 1


def average_statistics(model: nn.Module) -> None:
    """Gives every process the mean of all processes' running statistics of batch normalisation.

    Each has seen the batches of its own; without this, each would validate another model.

    Args:
        model: the same in every process.
    """
    processes = num_processes()
    if processes == 1:
        return
    group = torch.distributed
    for module in model.modules():
        if isinstance(module, _BatchNorm) and module.num_batches_tracked is not None:
            for statistic in (module.running_mean, module.running_var):
                group.all_reduce(statistic)
                statistic /= processes
            # Fewer in a process that could not read a batch.
            group.all_reduce(module.num_batches_tracked, group.ReduceOp.MAX)


def leave_buffers(model: nn.Module | None) -> None:
    """Stops the broadcast of buffers from the first process in every forward pass.

    Where processes validate different numbers of recordings, one would wait for the other for ever,
    or take its metrics for buffers.

    Args:
        model: as Lightning's strategy holds it; nothing happens unless it is wrapped.
    """
    if isinstance(model, DistributedDataParallel):
        model.broadcast_buffers = False
