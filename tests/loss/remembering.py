"""One process of `test_row_table`, in a module of its own so that it can be spawned."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from rfcx_audio.batch import CropLabels, Labels, Logits, unknown_labels
from rfcx_audio.loss import CSL, EM, ROLE, LargeLoss, RowTable

ROWS, SPECIES, BATCH, STEPS = 7, 4, 6, 5


def losses() -> dict[str, torch.nn.Module]:
    return {
        "role": ROLE(expected=1.0),
        "large_loss": LargeLoss("correct_permanently", share=0.1),
        "em": EM(share=0.5),
        "csl": CSL(start=1.0),
    }


def tables(loss: torch.nn.Module) -> dict[str, RowTable]:
    return {name: part for name, part in loss.named_modules() if isinstance(part, RowTable)}


def steps() -> list[tuple[Logits, CropLabels]]:
    """Batches in which rows come twice, once in each half, and mixtures and background too."""
    generator = torch.Generator().manual_seed(0)
    batches = []
    for _ in range(STEPS):
        logits = 2 * torch.randn(BATCH, SPECIES, generator=generator)
        known = (torch.rand(BATCH, SPECIES, generator=generator) < 0.2).float()
        rows = torch.randint(-1, ROWS, (BATCH, 2), generator=generator)
        rows[:, 1] = torch.where(rows[:, 1] < 5, -1, rows[:, 1])
        rows[-1] = rows[0]
        labels = unknown_labels(BATCH, SPECIES)._replace(clip=Labels(0 * known, known), rows=rows)
        batches.append((Logits(logits, logits[:, None]), labels))
    return batches


def remember(
    loss: torch.nn.Module, part: slice, batches: list[tuple[Logits, CropLabels]]
) -> dict[str, torch.Tensor]:
    """The loss's tables after steps on a part of each batch."""
    for table in tables(loss).values():
        table.resize(ROWS, SPECIES)
    for logits, labels in batches:
        assert labels.rows is not None
        part_labels = unknown_labels(len(logits.clip[part]), SPECIES)._replace(
            clip=Labels(*(values[part] for values in labels.clip)), rows=labels.rows[part]
        )
        loss(Logits(logits.clip[part], logits.frame[part]), part_labels)
        for table in tables(loss).values():
            table.commit()
    return {name: table.values for name, table in tables(loss).items()}


def main(rank: int, folder: Path) -> None:
    """Remembers, with half of each batch."""
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder / 'meeting'}", rank=rank, world_size=2
    )
    part = slice(0, BATCH // 2) if rank == 0 else slice(BATCH // 2, None)
    found = {name: remember(loss, part, steps()) for name, loss in losses().items()}
    torch.save(found, folder / f"{rank}.pt")
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
