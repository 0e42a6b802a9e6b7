"""One training run, with the run before it where there are two stages."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import cast

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint

from rfcx_audio.callbacks import CropsSeen, Stamp
from rfcx_audio.config import DictConfig, build, config_text, in_multirun, variant
from rfcx_audio.data import FeatureDataModule, RecordingDataModule
from rfcx_audio.experiment.embeddings import with_store
from rfcx_audio.experiment.encoders import with_encoder
from rfcx_audio.experiment.settle import is_settled, provisional, settle
from rfcx_audio.method import Supervised, check_shapes, check_steps
from rfcx_audio.scoring import SEEN_KEY, read_checkpoint

_log = logging.getLogger(__name__)
INTERRUPTED = 130
"""The exit code of what Ctrl-C has ended."""


def train_run(config: DictConfig) -> pl.Trainer:
    """One training run as the configuration composes it.

    Args:
        config: of `conf/train.yaml`. Where it has a `first_stage` (settings by dotted key), a run
            with those changes comes first, in the folder `first_stage`; its best weights are the
            first weights of this one. A first stage that is finished is not run again.

    Returns:
        The trainer, with `callback_metrics` and the paths of its checkpoints.

    Raises:
        ValueError: several processes would train what only one can, or no crop could be read.
    """
    if config.resume is not None:
        read_checkpoint(config.resume)  # a bad checkpoint is refused before anything is made
    folder = Path(config.paths.output_dir)
    config = tried_and_settled(with_fold_file(config, folder), folder)
    start_from = config.start_from
    if config.first_stage and config.resume is None:
        start_from = _first_stage(config)
    torch.set_float32_matmul_precision("high")
    pl.seed_everything(config.seed, verbose=False)
    method, data = build_parts(config)
    seen_before = ()
    if start_from is not None:
        first = read_checkpoint(start_from)
        seen_before = tuple(first.get(SEEN_KEY, ()))
        method.load_state_dict(first["state_dict"])
        _log.info("the first weights are those of %s", start_from)
    trainer: pl.Trainer = build(
        config.trainer,
        callbacks=[
            Stamp(config_text(config), config.paths.output_dir, seen_before),
            CropsSeen(),
            *build(config.callbacks).values(),
        ],
        logger=list(build(config.logger).values()),
    )
    check_processes(trainer, config)
    if config.compile is not None:
        cast(torch.nn.Module, method.model).compile(backend=config.compile)
    try:
        trainer.fit(method, data, ckpt_path=config.resume, weights_only=True)
    except SystemExit:  # how Lightning ends where Ctrl-C did
        if trainer.interrupted:
            last = Path(config.paths.output_dir) / "checkpoints" / "last.ckpt"
            way = f"to go on: resume={last}" if last.exists() else "no epoch was finished"
            _log.warning("stopped; what is done is kept; %s", way)
            raise SystemExit(INTERRUPTED) from None
        raise
    if data.has_truth:
        kept = cast("ModelCheckpoint", trainer.checkpoint_callback)
        best = kept.best_model_path
        trainer.test(method, data, ckpt_path=best, weights_only=True, verbose=False)
        kept.best_model_path = best  # Lightning restores the one that the checkpoint was saved with
    _log.info("the run is in %s", config.paths.output_dir)
    return trainer


def with_fold_file(config: DictConfig, folder: Path) -> DictConfig:
    """A configuration whose folds are kept in a file: the given one, else one in a folder."""
    if config.data.folds.file is not None:
        return config
    return variant(config, {"data.folds.file": str(folder / "recording_folds.csv")})


def tried_and_settled(config: DictConfig, folder: Path) -> DictConfig:
    """A settled configuration, whose parts fit together: before hours of reading or generating.

    Args:
        config: of `conf/train.yaml`.
        folder: for features that a pretrained encoder has to give first, see `with_store`.

    Raises:
        ValueError: they do not, or the data cannot be used.
    """
    config = with_encoder(config)
    if not is_settled(config):
        build_parts(provisional(config))
    return with_store(settle(config), folder)


def build_parts(config: DictConfig) -> tuple[Supervised, RecordingDataModule]:
    """The method and the data module of a configuration, which fit together.

    Raises:
        ValueError: they do not.
    """
    method = cast(Supervised, build(config.method))
    data = cast(RecordingDataModule, build(config.data.module))
    stored = isinstance(data, FeatureDataModule)
    check_shapes(
        data.like_frontend if stored else cast(torch.nn.Module, data.frontend),
        cast(torch.nn.Module, method.model),
        data.reader.num_samples(data.crops.duration_s),
        data.num_species,
    )
    check_steps(method.optimizer, method.scheduler)
    method.check()
    return method, data


def check_processes(trainer: pl.Trainer, config: DictConfig) -> None:
    """Refuses several processes where only one can train.

    Args:
        trainer: before its first fit, which would start them.
        config: of a run; of many runs, it has a `folder`.

    Raises:
        ValueError: there would be several.
    """
    if trainer.world_size == 1:
        return
    if "folder" in config:  # of many runs: each process would write all tables, in the same files
        raise ValueError(
            f"crossval and relabel train in one process, not in {trainer.world_size}; choose "
            "trainer=default, or train each fold by itself (rfcx_audio.train, data.folds.held_out)"
        )
    # Lightning gives the processes that it starts the command line of the whole multirun; a sweeper
    # would then draw other settings in each.
    environment = getattr(trainer.strategy, "cluster_environment", None)
    if in_multirun() and environment and not environment.creates_processes_externally:
        raise ValueError(
            f"a job of a multirun cannot start the {trainer.world_size} processes that the trainer "
            "asks for; give each job one device (trainer=default) or a cluster's processes "
            "(hydra/launcher=submitit_slurm), or run the jobs one by one, without -m"
        )


def _first_stage(config: DictConfig) -> str:
    """The best checkpoint of the first stage, trained unless it is there."""
    folder = Path(config.paths.output_dir) / "first_stage"
    best, finished = folder / "checkpoints" / "best.ckpt", folder / "metrics.json"
    if not (best.exists() and finished.exists()):
        changes = {"first_stage": None, "paths.output_dir": str(folder), **config.first_stage}
        train_run(variant(config, changes))
    return str(best)
