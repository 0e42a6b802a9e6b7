"""What this process may use of the machine: device, precision, cores, memory, and workers."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Literal

import torch

Precision = Literal["bf16-mixed", "32-true"]
"""As Lightning calls it: networks compute in bf16 where torch's autocast allows it, or in float32.
"""

_WORKERS_AT_MOST = 16
"""More workers do not help: 16 cores decode 2 000 to 5 000 crops/s of FLAC, several times what one
GPU trains on, and each worker holds two batches in memory."""

_CGROUP = Path("/sys/fs/cgroup")
_MEMINFO = Path("/proc/meminfo")


def best_device() -> torch.device:
    """`cuda` where there is a GPU that torch can use, else `cpu`."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def best_precision(accelerator: str = "auto") -> Precision:
    """`bf16-mixed` where the device computes bf16 natively, else `32-true`.

    Args:
        accelerator: as Lightning takes it; `auto` prefers a CUDA device.
    """
    on_cuda = accelerator in ("auto", "cuda", "gpu") and torch.cuda.is_available()
    if on_cuda:
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        native = accelerator in ("auto", "cpu") and _cpu_has_bf16()
    return "bf16-mixed" if native else "32-true"


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """A context in which networks compute in a precision.

    Args:
        device: that computes.
        precision: `bf16-mixed`; any other leaves everything as it is.
    """
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16-mixed")


def usable_cores() -> int:
    """The number of cores that this process may use, by its affinity and its container's limit."""
    affinity = getattr(os, "sched_getaffinity", None)  # missing on some systems
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    quota, _, period = _text(_CGROUP / "cpu.max").partition(" ")
    return min(cores, max(1, math.ceil(int(quota) / int(period)))) if quota.isdigit() else cores


def num_workers(wanted: int | Literal["auto"], processes: int = 1) -> int:
    """The number of data workers of each training process.

    Args:
        wanted: a number, which is returned (0: the training process reads the data), or `auto`:
            all but one of the cores of each training process, from 1 to 16.
        processes: number of training processes that share the cores of this machine.

    Raises:
        ValueError: the number is negative, or neither a whole number nor `auto`.
    """
    if wanted == "auto":
        return min(_WORKERS_AT_MOST, max(1, usable_cores() // processes - 1))
    if not isinstance(wanted, int) or isinstance(wanted, bool) or wanted < 0:
        raise ValueError(
            f"num_workers = {wanted!r}; expected auto, or a whole number of at least 0"
        )
    return wanted


def free_memory(device: torch.device) -> int:
    """Free memory in bytes, of a GPU or, for any other device, of the host.

    Args:
        device: of which the memory is returned.
    """
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    known = _numbers(_MEMINFO)
    if "MemAvailable" in known:
        free = known["MemAvailable"] * 1024
    else:  # not Linux
        free = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = _text(_CGROUP / "memory.max")
    if not limit.isdigit():
        return free
    # In a container, cached files count as used although they are freed on demand.
    used = int(_text(_CGROUP / "memory.current") or 0)
    used -= _numbers(_CGROUP / "memory.stat").get("inactive_file", 0)
    return min(free, max(0, int(limit) - used))


def _cpu_has_bf16() -> bool:
    capability = torch.backends.cpu.get_cpu_capability()
    return capability.startswith("AVX512") and torch.cpu._is_avx512_bf16_supported()


def _numbers(path: Path) -> dict[str, int]:
    """The first number after each name in a table of the system."""
    lines = [line.replace(":", " ").split() for line in _text(path).splitlines()]
    return {line[0]: int(line[1]) for line in lines if len(line) > 1 and line[1].isdigit()}


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
