"""One of two processes with uneven shares of the recordings; run as a script."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import Tensor
from torchmetrics import Metric

from rfcx_audio.config import build, load_config

CASES = 60
SPECIES = 24


def metrics() -> dict[str, Metric]:
    """All metrics of the default configuration."""
    config = load_config("train").metric
    return {f"{kind}/{name}": m for kind in config for name, m in build(config[kind]).items()}


def table(case: int) -> list[Tensor]:
    """Scores, target and known, with ties; in some cases a species has one state only."""
    generator = torch.Generator().manual_seed(case)
    rows = int(torch.randint(2, 60, (1,), generator=generator))
    scores, chance, drawn = torch.rand(3, rows, SPECIES, generator=generator)
    scores = (scores * 8).round() / 8 if case % 3 else scores
    target = (chance < 0.1 * (1 + case % 5)).float()
    known = (drawn < (0.05, 0.3, 0.8, 1.0)[case % 4]).float()
    return [scores, target, known]


def values(own: dict[str, Metric], parts: list[list[Tensor]]) -> dict[str, Tensor]:
    """The values of the metrics after an update with each part."""
    for scores, target, known in parts:
        for metric in own.values():
            metric.update(scores, target, known)
    return {name: metric.compute() for name, metric in own.items()}


def main(rank: int, folder: Path) -> None:
    """Writes the values of this process for every case; a process may have no rows."""
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder / 'meeting'}", rank=rank, world_size=2
    )
    found = []
    for case in range(CASES):
        whole = table(case)
        rows = len(whole[0])
        cut = 0 if case % 7 == 0 else case * 5 % rows
        mine = [part[:cut] if rank == 0 else part[cut:] for part in whole]
        size = 1 + case % 9
        parts = [list(batch) for batch in zip(*(part.split(size) for part in mine), strict=True)]
        found.append(values(metrics(), [batch for batch in parts if len(batch[0])]))
    torch.save(found, folder / f"{rank}.pt")
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
