"""Supervised training on three-state labels."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any, cast, get_args

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torchmetrics import MetricCollection

from rfcx_audio.batch import CellLoss, Labels, Logits, SpectrogramBatch, WindowBatch, unknown_labels
from rfcx_audio.loss import Ramp, Reduction, RowTable, reduce_cells
from rfcx_audio.method.ema import MovingAverage
from rfcx_audio.method.whole_recordings import scores_of
from rfcx_audio.metric import Lwlrap, Metrics
from rfcx_audio.model import Encoder, FeatureDetector
from rfcx_audio.scores import pool_recordings
from rfcx_audio.scoring import SlidingWindows

_TABLES = "rfcx_audio_row_tables"


class Supervised(pl.LightningModule):
    """One network, one loss. Other methods override `training_cells`.

    Validation scores whole recordings with sliding windows, exactly as prediction does. Its truth
    is partial: `val/*` are metrics over the labelled windows. `val/auc_unlabelled` and
    `val/lwlrap_partial`, the LWLRAP of recordings, count every species without a TP row as absent,
    which is not true: they order models, but their values are lower than the true ones. `test/*`
    are metrics over recordings whose truth is complete.

    Several processes (`trainer=ddp`) take the step of one process with all their batches, and find
    its metrics. A loss that compares the cells of a batch with each other (`EPR`, `ROLE`,
    `LargeLoss`, `CSL`) compares those of each process's share instead. And unless
    `trainer.sync_batchnorm` is set, each process normalises with the statistics of its own batch,
    and the first one's are kept.

    Args:
        model: (batch, channels, mels, frames) -> `Logits`.
        loss: (`Logits`, `CropLabels`) -> `CellLoss`.
        reduction: how the cells of a batch become one number, see `reduce_cells`.
        optimizer: `optimizer(parameters)`.
        scheduler: `scheduler(optimizer, total_steps)`, stepped once a batch.
        metrics: over windows and over recordings, by name.
        windows: pools the scores of a recording's windows.
        ema_decay: in (0, 1), decay of a moving average of the model's weights, the teacher of
            losses that need one (`loss.teacher=ema`); None for no teacher.

    Raises:
        ValueError: there is no such reduction, or the loss needs a teacher and `ema_decay` is None.
    """

    def __init__(
        self,
        model: nn.Module,
        loss: nn.Module,
        optimizer: Callable[..., Optimizer],
        scheduler: Callable[..., LRScheduler],
        metrics: Metrics,
        windows: SlidingWindows,
        reduction: Reduction = "known",
        ema_decay: float | None = None,
    ) -> None:
        super().__init__()
        if reduction not in get_args(Reduction):
            choices = ", ".join(get_args(Reduction))
            raise ValueError(f"method.reduction {reduction!r} does not exist; choose {choices}")
        asked = any(getattr(part, "teacher", None) == "ema" for part in loss.modules())
        if asked and ema_decay is None:
            raise ValueError(
                "loss.teacher is 'ema', but no copy of the model is kept: set loss.teacher=self, "
                "or method.ema_decay, for example to 0.99 (only method=supervised has it)"
            )
        # channels_last is the faster layout of convolutions on CPUs and GPUs alike.
        self.model = model.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self.loss = loss
        self.reduction: Reduction = reduction
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.windows = windows
        self.teacher = None if ema_decay is None else MovingAverage(self.model, ema_decay)
        # MetricCollection wants a type of dict that torchmetrics declares invariantly.
        self.val_metrics = MetricCollection(dict(metrics.windows), prefix="val/")
        self.val_lwlrap = metrics.recordings["lwlrap"].clone()
        self.test_metrics = MetricCollection(dict(metrics.recordings), prefix="test/")

    def forward(self, spectrogram: Tensor) -> Logits:
        """(batch, channels, mels, frames) -> logits."""
        return self.model(spectrogram)

    def check(self) -> None:
        """Refuses, before data is read, what the method cannot train; here, nothing."""

    @torch.no_grad()
    def weighs_unknown(self) -> bool:
        """Whether the loss gives unknown cells a weight above 0."""
        species = cast(Lwlrap, self.val_lwlrap).num_species
        probe = deepcopy(self.loss).eval()  # a copy: its tables of rows are resized
        for part in probe.modules():
            if isinstance(part, RowTable):
                part.resize(1, species)
        nothing, rows = torch.zeros(1, species), torch.full((1, 1), -1)
        labels = unknown_labels(1, species)._replace(rows=rows)
        return bool(probe(Logits(nothing, nothing[None]), labels).weight.any())

    def setup(self, stage: str) -> None:
        """Sets what the data decide: the loss's tables of training rows, moments of features."""
        # Among all parts: a teacher answers before it has followed the network for the first time.
        detectors = [part for part in self.modules() if isinstance(part, FeatureDetector)]
        if stage != "fit" or not (self.row_tables or detectors):
            return
        data: Any = self.trainer.datamodule  # pyright: ignore[reportAttributeAccessIssue]
        for table in self.row_tables.values():
            table.resize(len(data.train_rows), data.num_species)
        for detector in detectors:
            detector.standardise(*data.moments(detector.raised))

    @property
    def row_tables(self) -> dict[str, RowTable]:
        """The loss's tables of training rows, by their names in the loss."""
        parts = self.loss.named_modules()
        return {name: part for name, part in parts if isinstance(part, RowTable)}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Adds the loss's tables of training rows, apart from the weights of the network."""
        if self.row_tables:
            tables = {name: table.values for name, table in self.row_tables.items()}
            checkpoint[_TABLES] = tables

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Continues with the loss's tables of training rows.

        Raises:
            ValueError: the checkpoint has none, or of other rows.
        """
        found = checkpoint.get(_TABLES, {})
        for name, table in self.row_tables.items():
            if name not in found:
                raise ValueError(
                    f"the checkpoint has no table of training rows ({name}) for "
                    f"{type(self.loss).__name__}; resume with the loss that it was made with, or "
                    f"start a run of its own from the weights (start_from)"
                )
            table.restore(found[name])

    def on_after_backward(self) -> None:
        """Updates the loss's tables of training rows, in all processes together."""
        for table in self.row_tables.values():
            table.commit()

    def on_train_batch_start(self, batch: SpectrogramBatch, batch_idx: int) -> None:  # noqa: ARG002
        """Sets the progress of the training on the loss's schedules."""
        for part in self.loss.modules():
            if isinstance(part, Ramp):
                part.progress = self.progress(batch_idx)

    def progress(self, batch_idx: int) -> float:
        """The share of the training that lies behind, in [0, 1]."""
        batches = max(1, int(self.trainer.num_training_batches))
        epochs = self.trainer.current_epoch + batch_idx / batches
        return min(1.0, epochs / (self.trainer.max_epochs or 1))

    def training_step(self, batch: SpectrogramBatch, batch_idx: int) -> Tensor | None:  # noqa: ARG002
        """The loss of a batch; see `without_crops` when none of its crops could be read."""
        if not len(batch.spectrogram):
            return self.without_crops()
        value = self.reduced(*self.training_cells(batch))
        self.log_loss(value, len(batch.spectrogram))
        return value

    def without_crops(self, networks: int = 1) -> Tensor | None:
        """None, which skips the step; beside other processes a part in it that changes nothing.

        Args:
            networks: how many losses a step has.
        """
        if num_processes() == 1:
            return None
        none = torch.zeros(0, 0, device=self.device)
        values = [self.reduced(CellLoss(none, none), Labels(none, none)) for _ in range(networks)]
        value = sum(values, start=self.nothing())
        self.log_loss(value, 1)
        return value

    def reduced(self, cells: CellLoss, labels: Labels) -> Tensor:
        """One number for the cells; its mean over the processes is that of all their batches."""
        return reduce_cells(cells, labels, self.reduction, num_processes())

    def log_loss(self, value: Tensor, batch_size: int) -> None:
        """Logs `train/loss`, the same in all processes; `Progress` shows it, see there."""
        self.log("train/loss", value, batch_size=batch_size, sync_dist=True)

    def nothing(self) -> Tensor:
        """A 0 with a gradient of 0 for every weight, which other processes wait for."""
        weights = [weight for weight in self.parameters() if weight.requires_grad]
        return 0 * torch.stack([weight.sum() for weight in weights]).sum()

    def training_cells(self, batch: SpectrogramBatch) -> tuple[CellLoss, Labels]:
        """What each cell of a batch costs, and the clip labels that a reduction may look at."""
        logits = self(batch.spectrogram)
        if self.teacher is not None:
            with torch.no_grad():
                logits = logits._replace(teacher=self.teacher(batch.spectrogram).clip)
        return self.loss(logits, batch.labels), batch.labels.clip

    def on_train_batch_end(self, outputs: Any, batch: SpectrogramBatch, batch_idx: int) -> None:  # noqa: ANN401, ARG002
        """Moves the teacher after the student."""
        if self.teacher is not None:
            self.teacher.follow(self.model, first=self.trainer.global_step <= 1)

    def validation_step(self, batch: WindowBatch, batch_idx: int) -> None:  # noqa: ARG002
        """Scores recordings against the labels of their windows."""
        scores = scores_of(batch, self)
        if scores is None:
            return
        # Each update is of one recording: `UnlabelledAUROC` compares the windows within it.
        parts = (part.split(batch.counts) for part in (scores, *batch.window_labels))
        for windows in zip(*parts, strict=True):
            self.val_metrics.update(*windows)
        target = batch.recording_labels.target  # (recordings, species)
        self.val_lwlrap.update(self.pooled(scores, batch.counts), target, torch.ones_like(target))

    def on_validation_epoch_end(self) -> None:
        """Logs the metrics of all validated recordings; NaN where rows cannot define one."""
        with warnings.catch_warnings():
            # Of a process whose recordings could all not be read, which are named elsewhere.
            warnings.filterwarnings("ignore", message=".*called before the ``update`` method")
            values = self.val_metrics.compute()
            values["val/lwlrap_partial"] = self.val_lwlrap.compute()
        self.log_dict(values, sync_dist=True)  # equal in all processes already
        self.val_metrics.reset()
        self.val_lwlrap.reset()

    def test_step(self, batch: WindowBatch, batch_idx: int) -> Tensor | None:  # noqa: ARG002
        """Scores recordings against their complete truth; returns (recordings, species)."""
        scores = scores_of(batch, self)
        if scores is None:
            return None
        pooled = self.pooled(scores, batch.counts)
        self.test_metrics.update(pooled, *batch.recording_labels)
        return pooled

    def on_test_epoch_end(self) -> None:
        """Logs the metrics of all test recordings, over all processes."""
        self.log_dict(self.test_metrics.compute(), sync_dist=True)
        self.test_metrics.reset()

    def pooled(self, scores: Tensor, counts: Sequence[int]) -> Tensor:
        """(windows, species), and windows of each recording -> (recordings, species)."""
        return pool_recordings(scores, counts, self.windows.pool)

    @property
    def networks(self) -> tuple[nn.Module, ...]:
        """Those whose gradients are clipped, each by itself."""
        return (self.model,)

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clips each network by its own gradient: a joint norm would let one slow the other.

        Lightning clips beside no fused optimizer, because that one unscales the gradients of fp16
        by itself, and too late. Those of bf16 and fp32 are not scaled.

        Raises:
            ValueError: they are, and the optimizer is fused.
        """
        if not gradient_clip_val:
            return
        scaler = getattr(self.trainer.precision_plugin, "scaler", None)
        if scaler is not None and optimizer.defaults.get("fused"):
            raise ValueError(
                f"trainer.precision={self.trainer.precision} scales gradients, which a fused "
                "optimizer cannot clip; set optimizer.fused=false, or trainer.precision=bf16-mixed"
            )
        by_value = gradient_clip_algorithm == "value"
        clip = nn.utils.clip_grad_value_ if by_value else nn.utils.clip_grad_norm_
        for network in self.networks:
            clip(network.parameters(), gradient_clip_val)

    def configure_optimizers(self) -> Any:  # noqa: ANN401 (Lightning's own union)
        """The optimizer, and a schedule stepped once a batch."""
        optimizer = self.optimizer(parameter_groups(self.model))
        for group in optimizer.param_groups:
            group["lr"] *= group.pop("lr_ratio")
        total_steps = int(self.trainer.estimated_stepping_batches)
        scheduler = self.scheduler(optimizer, total_steps)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "interval": "step"},
        }


def parameter_groups(model: nn.Module) -> list[dict[str, Any]]:
    """The parameters of a model, in groups for an optimizer.

    Biases and parameters of normalisation have no weight decay: a decayed bias would have to be
    made up for by weights wherever most labels are absences. Each group's `lr_ratio` is what its
    learning rate is to be multiplied with: below 1 for pretrained encoders, see `Encoder`.
    """
    ratios = {
        parameter: part.lr_ratio
        for part in model.modules()
        if isinstance(part, Encoder)
        for parameter in part.parameters()
    }
    groups: dict[tuple[float, bool], dict[str, Any]] = {}
    for parameter in model.parameters():
        ratio, decays = ratios.get(parameter, 1.0), parameter.ndim > 1
        empty = {"params": [], "lr_ratio": ratio} | ({} if decays else {"weight_decay": 0.0})
        groups.setdefault((ratio, decays), empty)["params"].append(parameter)
    return list(groups.values())


def num_processes() -> int:
    """Processes that train together; 1 where there is only this one."""
    group = torch.distributed
    return group.get_world_size() if group.is_available() and group.is_initialized() else 1
