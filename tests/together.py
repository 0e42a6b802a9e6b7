"""Runs that `test_ddp` compares: one process, or this script in as many as its command gives."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, get_args

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from rfcx_audio.batch import Labels, Logits, SpectrogramBatch, WindowBatch, unknown_labels
from rfcx_audio.loss import MaskedBCE, Reduction
from rfcx_audio.method import CoTeaching, Supervised, build_trainer, constant
from rfcx_audio.metric import Lwlrap, MaskedAUROC, MaskedLogLoss, Metrics
from rfcx_audio.model import Peers
from rfcx_audio.scoring import SlidingWindows

SPECIES, PIXELS, STEPS, BATCH, RECORDINGS = 4, 6, 3, 8, 5
GONE = range(BATCH + 1, 2 * BATCH, 2)
"""Crops that cannot be read: all crops of the second process in the second step."""


def labelled(count: int, seed: int) -> tuple[Tensor, Labels]:
    """Spectrograms and labels; the first rows have many known cells, the last hardly any."""
    generator = torch.Generator().manual_seed(seed)
    spectrogram = torch.randn(count, 1, 1, PIXELS, generator=generator)
    target = (torch.rand(count, SPECIES, generator=generator) < 0.5).float()
    odds = torch.linspace(0.9, 0.1, count)[:, None] * torch.tensor([1.0, 0.6] * (SPECIES // 2))
    known = (torch.rand(count, SPECIES, generator=generator) < odds).float()
    return spectrogram, Labels(target, known)


class OneLayer(nn.Module):
    def __init__(self, normalised: bool) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(PIXELS) if normalised else nn.Identity()
        self.layer = nn.Linear(PIXELS, SPECIES)

    def forward(self, spectrogram: Tensor) -> Logits:
        clip = self.layer(self.norm(spectrogram[:, 0, 0]))
        return Logits(clip, clip[:, None])


class Crops(pl.LightningDataModule):
    """The crops and recordings of each process: every second one if there are two."""

    def mine(self, numbers: range) -> list[int]:
        assert self.trainer is not None
        return list(numbers[self.trainer.global_rank :: self.trainer.world_size])

    def train_dataloader(self) -> DataLoader:
        spectrogram, labels = labelled(STEPS * BATCH, seed=0)
        batches = []
        for step in range(STEPS):
            crops = self.mine(range(step * BATCH, (step + 1) * BATCH))
            crops = [crop for crop in crops if crop not in GONE]
            clip = Labels(*(part[crops] for part in labels))
            crop_labels = unknown_labels(len(crops), SPECIES)._replace(clip=clip)
            batches.append(SpectrogramBatch(spectrogram[crops], crop_labels, seed=step))
        return DataLoader(batches, batch_size=None)  # pyright: ignore[reportArgumentType]

    def val_dataloader(self) -> DataLoader:
        spectrogram, labels = labelled(3 * RECORDINGS, seed=1)
        recordings = [
            WindowBatch(
                (str(number),),
                spectrogram[number::RECORDINGS],
                torch.zeros(3),
                (3,),
                Labels(*(part[number::RECORDINGS] for part in labels)),
                Labels(*(part[number][None] for part in labels)),
            )
            for number in self.mine(range(RECORDINGS))
        ]
        return DataLoader(recordings, batch_size=None)  # pyright: ignore[reportArgumentType]


def methods() -> Iterator[tuple[str, Supervised]]:
    """Methods by name, with the same initial weights in all processes."""
    settings: dict[str, Any] = {
        "loss": MaskedBCE(),
        "optimizer": partial(torch.optim.SGD, lr=0.5),
        "scheduler": constant,
        "metrics": Metrics(
            {"auc": MaskedAUROC(SPECIES), "log_loss": MaskedLogLoss()}, {"lwlrap": Lwlrap(SPECIES)}
        ),
        "windows": SlidingWindows(6.0),
    }
    for reduction in get_args(Reduction):
        torch.manual_seed(0)
        yield reduction, Supervised(OneLayer(False), reduction=reduction, **settings)
    torch.manual_seed(0)
    yield "teacher", Supervised(OneLayer(False), ema_decay=0.5, **settings)
    torch.manual_seed(0)
    peers = Peers(OneLayer(False), OneLayer(False))
    # With tau = 0 nothing is selected; otherwise each process would select from its own batch.
    yield "co_teaching", CoTeaching(peers, tau=0.0, select="example", **settings)
    for name in ("normalised", "normalised again"):
        torch.manual_seed(0)
        yield name, Supervised(OneLayer(True), **settings)


def run(folder: Path, devices: int) -> dict[str, Any]:
    """Weights and metrics of each method in this process, after training."""
    results = {}
    for name, method in methods():
        trainer = build_trainer(
            accelerator="cpu",
            precision="32-true",
            devices=devices,
            strategy="ddp" if devices > 1 else "auto",
            max_epochs=2,
            default_root_dir=folder,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(method, Crops())
        results[name] = {
            "weights": {key: value.clone() for key, value in method.state_dict().items()},
            "metrics": dict(trainer.callback_metrics),
        }
    return results


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    place, number = Path(sys.argv[1]), int(sys.argv[2])
    found = run(place, number)
    rank = torch.distributed.get_rank()
    torch.save(found, place / f"{rank}.pt")
