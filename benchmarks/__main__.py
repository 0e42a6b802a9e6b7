"""`python -m benchmarks [group ...]`: measures on the CPU, prints, and writes the page."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import product
from pathlib import Path

import torch

from benchmarks.embedding import birdnet_rows
from benchmarks.frontend import CPU_GOALS, CPU_SHAPES, frontend_rows
from benchmarks.growth import growth_rows
from benchmarks.prediction import prediction_rows
from benchmarks.reading import reading_rows
from benchmarks.refit import refit_rows
from benchmarks.report import keep, show, write_page
from benchmarks.review import review_rows
from benchmarks.search import search_rows
from benchmarks.startup import memory_rows, startup_rows
from benchmarks.timing import NotMeasured, Row
from benchmarks.training import training_row
from rfcx_audio.config import load_config
from rfcx_audio.experiment.folds import load_data
from rfcx_audio.experiment.run import train_run

_DATA = Path("data")
_RUN = Path("runs/bench")


def recordings() -> list[Path]:
    """Test recordings of the synthetic rainforest, generated if missing."""
    data = load_data(load_config("train", [f"paths.data_dir={_DATA}", "paths.output_dir=."]))
    assert data.corpus.test is not None
    return list(data.corpus.test.paths.values())


def checkpoint() -> Path:
    """The checkpoint of a training of one step."""
    path = _RUN / "checkpoints" / "last.ckpt"
    if not path.exists():
        words = [f"paths.data_dir={_DATA}", f"paths.output_dir={_RUN}", "trainer.max_epochs=1"]
        words += ["trainer.check_val_every_n_epoch=1", "data.crops.crops_per_epoch=32"]
        words += ["trainer.limit_val_batches=4", "+trainer.limit_test_batches=1"]
        train_run(load_config("train", words))
    return path


def _training() -> Iterator[Row | NotMeasured]:
    where = [f"paths.data_dir={_DATA}"]
    for model, reader in product(("densenet121", "efficientnet_b0"), ("direct", "cached")):
        yield from training_row(model, reader, where, 1 / 0.9, repeats=3, steps=8, batch_size=16)


GROUPS: dict[str, Callable[[], Iterable[Row | NotMeasured]]] = {
    "frontend": lambda: frontend_rows(15, "cpu", CPU_SHAPES, CPU_GOALS),
    "reading": lambda: reading_rows(recordings()[:20], 7),
    "startup": lambda: startup_rows(5),
    "training": _training,
    "prediction": lambda: prediction_rows(recordings()[:4], 3, 1 / 0.9),
    "refit": lambda: refit_rows(3),
    "embedding": lambda: birdnet_rows(recordings()[:8], 5, 1.1),
    "search": lambda: search_rows(5),
    "review": lambda: review_rows(1),
    "growth": lambda: growth_rows(recordings(), 2),
    "memory": lambda: memory_rows(checkpoint(), recordings()[0], (10, 100, 1000)),
}


def main() -> None:
    """Measures the named groups, or all."""
    unknown = set(sys.argv[1:]) - set(GROUPS)
    if unknown:
        raise SystemExit(f"no such group: {', '.join(unknown)}; there are {', '.join(GROUPS)}")
    if torch.cuda.is_available():
        raise SystemExit("these are for a CPU: make bench, or python -m benchmarks.gpu_bench")
    found: list[Row | NotMeasured] = []
    for name in sys.argv[1:] or GROUPS:
        for one in GROUPS[name]():
            found.append(one)
            keep(found)
    show([one for one in found if isinstance(one, Row)])
    write_page()


if __name__ == "__main__":
    main()
