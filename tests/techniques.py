"""Every technique, one at a time, and a batch and a trainer for its training step."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from benchmarks.techniques import FURTHER, words_of
from rfcx_audio.batch import Boxes, CropLabels, Labels, WaveformBatch
from rfcx_audio.config import CONF_DIR

GROUPS = ("loss", "model/head", "augment", "frontend", "method", "optimizer", "scheduler")
RATE, DURATION_S, BATCH, SPECIES, ROWS = 48_000, 3.0, 4, 24, 2


def techniques() -> list[list[str]]:
    """The overrides of each technique; the encoders themselves are in no group of these."""
    found = [
        words_of(group, path.stem)
        for group in GROUPS
        for path in sorted((CONF_DIR / group).glob("*.yaml"))
    ]
    return [*found, *FURTHER, words_of("model", "class_bands_mask")]


def batch(seed: int, size: int = BATCH, duration_s: float = DURATION_S) -> WaveformBatch:
    """Noise with a few labels: rows as boxes, and consistent labels of clips and frames."""
    generator = torch.Generator().manual_seed(seed)

    def unit(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator)

    species = torch.randint(0, SPECIES, (size, ROWS), generator=generator)
    present = unit(size, ROWS) < 0.5
    t_min, f_min = 2 * unit(size, ROWS), 500 + 3000 * unit(size, ROWS)
    boxes = Boxes(
        species=species,
        songtype=torch.ones_like(species),
        present=present,
        weight=torch.ones(size, ROWS),
        t_min=t_min,
        t_max=t_min + 0.8,
        f_min=f_min,
        f_max=f_min + 2000,
    )
    zeros = torch.zeros(size, SPECIES)
    clip = Labels(
        zeros.scatter(1, species, present.float()),
        zeros.scatter(1, species, torch.ones(size, ROWS)),
    )
    frame = Labels(*(part[:, None].repeat(1, 30, 1) for part in clip))
    waveform = 0.2 * torch.randn(size, round(RATE * duration_s), generator=generator)
    truth = Labels(clip.target, torch.ones(size, SPECIES))
    rows = torch.arange(size)[:, None]
    return WaveformBatch(waveform, CropLabels(clip, frame, boxes, truth, rows), seed)


def trainer() -> Any:
    """The attributes of a trainer that a step uses."""
    return SimpleNamespace(
        num_training_batches=10,
        max_epochs=1,
        current_epoch=0,
        estimated_stepping_batches=10,
        global_step=1,
        global_rank=0,
        world_size=1,
        datamodule=SimpleNamespace(train_rows=range(ROWS * BATCH), num_species=SPECIES),
    )
