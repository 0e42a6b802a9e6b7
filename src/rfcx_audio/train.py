"""`python -m rfcx_audio.train`: trains a network, and tests it where the truth is complete."""

from __future__ import annotations

import logging
from typing import cast

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint

from rfcx_audio.callbacks import Stamp
from rfcx_audio.config import DictConfig, build, config_text, entry_point
from rfcx_audio.data import RecordingDataModule
from rfcx_audio.inference import read_checkpoint
from rfcx_audio.method import check_shapes

_log = logging.getLogger(__name__)


def train(config: DictConfig) -> pl.Trainer:
    """One training run as the configuration composes it.

    Args:
        config: of `conf/train.yaml`.

    Returns:
        The trainer, with `callback_metrics` and the paths of its checkpoints.
    """
    if config.resume is not None:
        read_checkpoint(config.resume)  # a bad one is told before anything is made
    torch.set_float32_matmul_precision("high")
    pl.seed_everything(config.seed, verbose=False)
    method = cast(pl.LightningModule, build(config.method))
    data = cast(RecordingDataModule, build(config.data))
    check_shapes(
        data.frontend,
        cast(torch.nn.Module, method.model),
        data.reader.num_samples(data.crops.duration_s),
        data.num_species,
    )
    trainer: pl.Trainer = build(
        config.trainer,
        callbacks=[
            Stamp(config_text(config), config.paths.output_dir),
            *build(config.callbacks).values(),
        ],
        logger=list(build(config.logger).values()),
    )
    trainer.fit(method, data, ckpt_path=config.resume, weights_only=True)
    if data.has_truth:
        best = cast("ModelCheckpoint", trainer.checkpoint_callback).best_model_path
        trainer.test(method, data, ckpt_path=best, weights_only=True, verbose=False)
    _log.info("the run is in %s", config.paths.output_dir)
    return trainer


@entry_point("train")
def main(config: DictConfig) -> None:
    """The command."""
    train(config)


if __name__ == "__main__":
    main()
