"""The Lightning trainer, with the precision that the hardware reports."""

from __future__ import annotations

import warnings
from typing import Any

import pytorch_lightning as pl
import torch

from rfcx_audio.method.checkpoint_io import WholeCheckpoints


def best_precision(accelerator: str = "auto") -> str:
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


def build_trainer(precision: str = "auto", accelerator: str = "auto", **options: Any) -> pl.Trainer:  # noqa: ANN401
    """A Lightning trainer.

    Args:
        precision: as Lightning takes it, or `auto`, see `best_precision`.
        accelerator: as Lightning takes it.
        options: further arguments of `pl.Trainer`.
    """
    # Lightning 2.6 calls what torch 2.11 deprecates, once a batch of every run.
    warnings.filterwarnings("ignore", message=".*LeafSpec.*", module="pytorch_lightning")
    # How many workers read is decided from the cores, or by the user (data.num_workers).
    warnings.filterwarnings("ignore", message=".*does not have many workers")
    if precision == "auto":
        precision = best_precision(accelerator)
    return pl.Trainer(
        accelerator=accelerator,
        precision=precision,  # pyright: ignore[reportArgumentType]
        plugins=[WholeCheckpoints()],
        use_distributed_sampler=False,  # the data module shares out crops and recordings itself
        **options,
    )


def _cpu_has_bf16() -> bool:
    capability = torch.backends.cpu.get_cpu_capability()
    return capability.startswith("AVX512") and torch.cpu._is_avx512_bf16_supported()
