"""What a run leaves behind to be looked at: versions, curves, pictures, what was left out."""

from __future__ import annotations

import json
import logging
import platform
from pathlib import Path
from textwrap import wrap
from typing import Any, cast

import pandas as pd
import pytorch_lightning as pl
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.utilities import rank_zero_only

from rfcx_audio.colours import COLOURS
from rfcx_audio.data import FeatureDataModule, RecordingDataModule, file_name
from rfcx_audio.frontend import LogMel
from rfcx_audio.scoring import Recogniser, SlidingWindows, draw_recording, stretch_of
from rfcx_audio.versions import versions
from rfcx_audio.whole_files import save_picture, write_atomically

_log = logging.getLogger(__name__)
_PACKAGES = ("rfcx-audio", "torch", "torchaudio", "pytorch-lightning", "timm", "numpy", "soundfile")


class Report(Callback):
    """Fills the run's folder.

    `versions.json`; `left_out.csv` (rows without audio); `failures.csv` (recordings that could not
    be read); `metrics.json` (the last values); `learning_curves.png`; `pictures/` (validation
    recordings with their boxes and scores).

    Args:
        folder: of the run.
        num_pictures: validation recordings to draw.
    """

    def __init__(self, folder: str, num_pictures: int = 4) -> None:
        self.folder = Path(folder)
        self.num_pictures = num_pictures

    @rank_zero_only
    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Writes what is known before training."""
        self.folder.mkdir(parents=True, exist_ok=True)
        encoder: Any = pl_module.model.encoder  # pyright: ignore[reportAttributeAccessIssue]
        found = {
            "python": platform.python_version(),
            **versions(_PACKAGES),
            "device": str(pl_module.device),
            "precision": str(trainer.precision),
            "weights": encoder.weights,
        }
        (self.folder / "versions.json").write_text(json.dumps(found, indent=2) + "\n")
        _log.info(
            "%s, %d parameters, weights: %s",
            encoder.name,
            sum(parameter.numel() for parameter in pl_module.parameters()),
            found["weights"],
        )
        data_of(trainer).corpus.left_out.to_csv(self.folder / "left_out.csv", index=False)

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Writes metrics, curves and pictures of the training."""
        gather_failures(data_of(trainer))
        self._write(trainer, pl_module)

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:  # noqa: ARG002
        """Collects the unreadable recordings of all processes."""
        gather_failures(data_of(trainer))

    @rank_zero_only
    def _write(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        write_metrics(self.folder, metrics)
        logged = self.folder / "csv" / "metrics.csv"
        if logged.exists():
            draw_curves(logged, self.folder / "learning_curves.png")
        self._draw_pictures(data_of(trainer), pl_module)

    def on_exception(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,  # noqa: ARG002
        exception: BaseException,  # noqa: ARG002
    ) -> None:
        """Writes the recordings that could not be read; they may be the reason."""
        self._write_failures(trainer)

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:  # noqa: ARG002
        """Writes the recordings that could not be read to `failures.csv`, and logs their number."""
        self._write_failures(trainer)

    @rank_zero_only
    def _write_failures(self, trainer: pl.Trainer) -> None:
        failures = data_of(trainer).failures
        table = pd.DataFrame({"recording_id": list(failures), "reason": list(failures.values())})
        if self.folder.is_dir():
            table.to_csv(self.folder / "failures.csv", index=False)
        if failures:
            _log.warning(
                "%d recording(s) could not be read and were left out, see %s",
                len(failures),
                self.folder / "failures.csv",
            )

    @torch.inference_mode()
    def _draw_pictures(self, data: RecordingDataModule, module: pl.LightningModule) -> None:
        windows = data.windows
        if not isinstance(windows, SlidingWindows) or isinstance(data, FeatureDataModule):
            return  # features have no picture
        rows = data.val_rows
        named = rows.sort_values("present", ascending=False)["recording_id"].unique()
        frontend = cast("LogMel", data.frontend).to(module.device)
        recogniser = Recogniser(data.reader, frontend, module.eval(), windows, data.species)
        for name in named[: self.num_pictures]:
            if name in data.failures:
                continue
            own = rows[rows["recording_id"] == name]
            start_s, duration_s = stretch_of(data.corpus.train.durations_s[name], own)
            waveform = data.reader.read(data.corpus.train.paths[name], start_s, duration_s)
            scores = recogniser.score(waveform).frame()
            scores[["t_min", "t_max"]] += start_s
            title = f"{name} (validation)"
            figure = draw_recording(frontend, waveform, title, own, scores, start_s, data.species)
            save_picture(figure, self.folder / "pictures" / f"{file_name(name)}.png")


def gather_failures(data: RecordingDataModule) -> None:
    """Gives every process the unreadable recordings of the others."""
    for name, reason in gathered(list(data.failures.items())):
        data.failures.setdefault(name, reason)


def gathered(rows: list[Any]) -> list[Any]:
    """The rows of all processes; every one of them has to call it."""
    if not torch.distributed.is_available() or not torch.distributed.is_initialized():
        return rows
    parts: list[Any] = [None] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(parts, rows)
    return [row for part in parts for row in part]


def write_metrics(folder: Path, metrics: dict[str, float]) -> None:
    """Adds values to the run's `metrics.json`."""
    path = folder / "metrics.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    text = json.dumps(known | metrics, indent=2, sort_keys=True) + "\n"
    write_atomically(path, lambda part: part.write_text(text))


def draw_curves(metrics_csv: Path, picture: Path) -> None:
    """Draws every value that was logged more than once over the steps; writes the others below.

    Args:
        metrics_csv: of Lightning's logger.
        picture: to write.
    """
    metrics = pd.read_csv(metrics_csv)
    names = [
        name
        for name in metrics.columns.astype(str)
        if name not in ("epoch", "step") and "test/" not in name and metrics[name].notna().any()
    ]
    curves = [name for name in names if metrics[name].notna().sum() > 1]
    once = [f"{n} {metrics[n].dropna().iloc[0]:.3g}" for n in names if n not in curves]
    columns = max(1, min(3, len(curves)))
    lines = max(1, -(-len(curves) // columns))
    figure = Figure(figsize=(4.5 * columns, 3 * lines + 0.4), layout="constrained")
    FigureCanvasAgg(figure)
    for number, name in enumerate(curves):
        axes = figure.add_subplot(lines, columns, number + 1)
        drawn = metrics[["step", name]].dropna()
        marker = "." if len(drawn) < 100 else ""
        axes.plot(drawn["step"], drawn[name], marker=marker, color=COLOURS[0])
        axes.set_title(name)
        axes.set_xlabel("step")
        axes.grid(alpha=0.3)
    if once:
        figure.supxlabel("\n".join(wrap("measured once: " + ", ".join(once), 60 * columns)), size=9)
    save_picture(figure, picture)


def data_of(trainer: pl.Trainer) -> RecordingDataModule:
    """The data module of a run."""
    data = trainer.datamodule  # pyright: ignore[reportAttributeAccessIssue]
    assert isinstance(data, RecordingDataModule)  # noqa: S101 (for the type checker)
    return data
