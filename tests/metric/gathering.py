"""One process of `test_distributed`, in a module of its own so that it can be spawned."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torchmetrics import Metric

from rfcx_audio.metric import (
    Lwlrap,
    MacroAveragePrecision,
    MaskedAUROC,
    MaskedLogLoss,
    PooledAUROC,
    UnlabelledAUROC,
)

SPECIES = 5


def metrics() -> dict[str, Metric]:
    return {
        "lwlrap": Lwlrap(SPECIES),
        "auroc": MaskedAUROC(SPECIES),
        "pooled": PooledAUROC(SPECIES),
        "unlabelled": UnlabelledAUROC(SPECIES),
        "average_precision": MacroAveragePrecision(SPECIES),
        "log_loss": MaskedLogLoss(),
    }


def tables() -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    scores = torch.rand(30, SPECIES, generator=generator)
    target = (torch.rand(30, SPECIES, generator=generator) < 0.4).float()
    known = (torch.rand(30, SPECIES, generator=generator) < 0.7).float()
    return [scores, target, known]


def results(own: dict[str, Metric]) -> dict[str, torch.Tensor]:
    values = {name: metric.compute() for name, metric in own.items()}
    for name in ("lwlrap", "auroc", "average_precision"):
        per_species = own[name].per_species()  # pyright: ignore[reportCallIssue]
        values[f"{name}_per_species"] = per_species[0] if name == "lwlrap" else per_species
    return values


def main(rank: int, folder: Path) -> None:
    """Shares of 30 rows in batches of 4: first 24 and 6, then 30 and none at all."""
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder / 'meeting'}", rank=rank, world_size=2
    )
    uneven, lonely = metrics(), metrics()
    for tensors, own in (
        ([t[:24] if rank == 0 else t[24:] for t in tables()], uneven),
        ([t if rank == 0 else t[:0] for t in tables()], lonely),
    ):
        for batch in zip(*(t.split(4) for t in tensors), strict=True):
            if len(batch[0]):
                for metric in own.values():
                    metric.update(*batch)
    torch.save([results(uneven), results(lonely)], folder / f"{rank}.pt")
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
