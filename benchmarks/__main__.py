"""`python -m benchmarks [group ...]`: measures, prints, and writes the page."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import torch

from benchmarks.frontend import frontend_rows
from benchmarks.growth import growth_rows
from benchmarks.prediction import prediction_rows
from benchmarks.reading import reading_rows
from benchmarks.report import keep, show, write_page
from benchmarks.startup import memory_rows, startup_rows
from benchmarks.timing import Row
from benchmarks.training import training_rows
from rfcx_audio.config import load_config
from rfcx_audio.experiment.folds import load_data
from rfcx_audio.experiment.run import train_run

_DATA = Path("data")
_RUN = Path("runs/bench")


def recordings() -> list[Path]:
    """Test recordings of the synthetic rainforest, made if they are not there."""
    data = load_data(load_config("train", [f"paths.data_dir={_DATA}", "paths.output_dir=."]))
    assert data.corpus.test is not None
    return list(data.corpus.test.paths.values())


def checkpoint() -> Path:
    """That of a training of one step."""
    path = _RUN / "checkpoints" / "last.ckpt"
    if not path.exists():
        words = [f"paths.data_dir={_DATA}", f"paths.output_dir={_RUN}", "trainer.max_epochs=1"]
        words += ["trainer.check_val_every_n_epoch=1", "data.crops.crops_per_epoch=32"]
        words += ["trainer.limit_val_batches=4", "+trainer.limit_test_batches=1"]
        train_run(load_config("train", words))
    return path


GROUPS: dict[str, Callable[[str], list[Row]]] = {
    "frontend": lambda device: frontend_rows(15, device),
    "reading": lambda _: reading_rows(recordings()[:20], 7),
    "startup": lambda _: startup_rows(5),
    "training": lambda device: training_rows(
        _DATA, 3, *((40, 64) if device == "cuda" else (8, 16))
    ),
    "prediction": lambda device: prediction_rows(recordings()[: 100 if device == "cuda" else 4], 3),
    "growth": lambda _: growth_rows(recordings(), 2),
    "memory": lambda _: memory_rows(checkpoint(), recordings()[0], (10, 100, 1000)),
}


def main() -> None:
    """Measures the groups that are named, or all."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    unknown = set(sys.argv[1:]) - set(GROUPS)
    if unknown:
        raise SystemExit(f"no such group: {', '.join(unknown)}; there are {', '.join(GROUPS)}")
    rows: list[Row] = []
    for name in sys.argv[1:] or GROUPS:
        rows += GROUPS[name](device)
        keep(rows)
    show(rows)
    write_page()


if __name__ == "__main__":
    main()
