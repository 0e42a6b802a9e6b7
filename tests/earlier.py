"""A checkpoint as an earlier version wrote it."""

from __future__ import annotations

from pathlib import Path

import torch

from rfcx_audio.config import build, load_config
from rfcx_audio.scoring import CONFIG_KEY

EARLIER_CONFIG = Path(__file__).with_name("earlier_config.yaml").read_text()
WORDS = ("data/reader=cached", "frontend.n_mels=64")
"""What the same configuration is composed from today."""


def earlier_checkpoint(folder: Path) -> Path:
    """What a training run of the default network would have left."""
    torch.manual_seed(0)
    model = build(load_config("train", ["paths.output_dir=.", *WORDS]).model)
    weights = {f"model.{key}": value for key, value in model.state_dict().items()}
    path = folder / "earlier.ckpt"
    torch.save({"state_dict": weights, CONFIG_KEY: EARLIER_CONFIG}, path)
    return path
