"""Trying one technique: two training steps, validation, test, prediction and export."""

from __future__ import annotations

import gc
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from time import perf_counter

import torch

from benchmarks.limit import OutOfTime
from benchmarks.techniques import Technique
from benchmarks.trial_outcome import OK, Outcome, first_line
from benchmarks.waits import Waits
from rfcx_audio.commands.predict import score
from rfcx_audio.config import load_config
from rfcx_audio.data import rfcx_templates
from rfcx_audio.data.synthetic import Rainforest, write_rainforest
from rfcx_audio.experiment import relabel, train_run
from rfcx_audio.scoring import load_recogniser, read_trained, save_artefact

_FOREST = {
    "num_train": 48,
    "num_test": 2,
    "duration_s": 12.0,
    "tp_per_species": 2,
    "fp_per_species": 2,
}
_BATCH, _STEPS = 8, 2


@dataclass
class Ground:
    """The data and the device of all trials.

    Args:
        folder: receives all files.
        device: `cuda` or `cpu`.
    """

    folder: Path
    device: str
    forest: Path = field(init=False)

    def __post_init__(self) -> None:
        self.forest = self.folder / "synthetic"

    def prepare(self) -> None:
        """Generates the recordings, which takes seconds."""
        write_rainforest(self.forest, Rainforest(**_FOREST), rfcx_templates(), progress=False)

    def words(self, output_dir: Path) -> list[str]:
        """The overrides of all trials: two small batches, one recording to validate and test."""
        return [
            f"data.root={self.forest}",
            *(f"data.source.recipe.{name}={value}" for name, value in _FOREST.items()),
            f"paths.data_dir={self.folder}",
            f"paths.output_dir={output_dir}",
            f"data.batch_size={_BATCH}",
            f"data.crops.crops_per_epoch={_STEPS * _BATCH}",
            "data.crop_duration_s=3.0",
            "data.num_workers=0",
            "model.encoder.pretrained=false",
            "trainer.max_epochs=1",
            "trainer.check_val_every_n_epoch=1",
            "trainer.limit_val_batches=1",
            "++trainer.limit_test_batches=1",
            f"trainer.accelerator={'gpu' if self.device == 'cuda' else 'cpu'}",
            "callbacks.progress.refresh_rate=0",
            "+callbacks.waits._target_=benchmarks.waits.Waits",
        ]


def tried(technique: Technique, ground: Ground, folder: Path) -> Outcome:
    """Tries a technique; its errors are returned in the outcome.

    Args:
        technique: to try.
        ground: data and device.
        folder: for its files, empty.

    Raises:
        OutOfTime: the limit around this call is reached.
    """
    Waits.reset()
    on_gpu = ground.device == "cuda"
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
    begun = perf_counter()
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        outcome = _parts(technique, ground, folder)
        if on_gpu and outcome == OK:
            torch.cuda.synchronize()
    seconds = perf_counter() - begun
    peak = torch.cuda.max_memory_allocated() / 1e6 if on_gpu else None
    gc.collect()  # reference cycles of this trial would count as memory of the next one
    waits = (", ".join(Waits.places) or "none") if on_gpu and Waits.watched else None
    return Outcome(technique.name, outcome, round(seconds, 2), peak, waits)


def _parts(technique: Technique, ground: Ground, folder: Path) -> str:
    run = folder / "final_1" if technique.rounds else folder
    checkpoint = run / "checkpoints" / "last.ckpt"
    parts: dict[str, Callable[[], object]] = {
        "train": lambda: _train(technique, ground, folder),
        "predict": lambda: _predict(checkpoint, ground, folder),
        "export": lambda: _export(checkpoint, folder),
    }
    for name, part in parts.items():
        try:
            part()
        except OutOfTime:
            raise
        except Exception as error:  # noqa: BLE001 (every error of a technique is reported)
            return f"{name}: {first_line(error)}"
    return OK


def _train(technique: Technique, ground: Ground, folder: Path) -> None:
    words = [*technique.words, *ground.words(folder)]
    if technique.name != "all defaults":  # writing pages and pictures is tried once
        words += ["~callbacks.report", "~callbacks.test_table", "~logger.tensorboard"]
    if technique.rounds:
        more = ["data.folds.num_folds=2", "teacher_epochs=1", f"folder={folder}"]
        relabel(load_config("relabel", [*words, *more]))
    else:
        train_run(load_config("train", words))


def _predict(checkpoint: Path, ground: Ground, folder: Path) -> None:
    """Predicts through the command's own function, with test-time augmentation."""
    recordings = f"recordings={ground.forest / 'test'}"
    words = [f"checkpoint={checkpoint}", recordings, f"paths.output_dir={folder / 'scores'}"]
    score(load_config("predict", [*words, "tta=2", "flip=true"]))


def _export(checkpoint: Path, folder: Path) -> None:
    """Exports an artefact and loads it."""
    save_artefact(read_trained(checkpoint), folder / "artefact")
    load_recogniser(folder / "artefact")
