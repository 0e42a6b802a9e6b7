"""`python -m benchmarks.gpu_bench`: training and prediction, compared with the network alone."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import NamedTuple

import torch

from benchmarks.frontend import GPU_GOALS, GPU_SHAPES, frontend_rows
from benchmarks.gpu import add_arguments, prepared, quiet, show_line
from benchmarks.limit import Limit, OutOfTime
from benchmarks.prediction import prediction_rows
from benchmarks.recipe import memory_of_recipe, recipe_rows
from benchmarks.report import in_words, keep
from benchmarks.timing import NotMeasured, Row
from benchmarks.training import training_row
from benchmarks.trial_outcome import first_line
from rfcx_audio.config import load_config
from rfcx_audio.data import CachedReader, rfcx_templates
from rfcx_audio.data.synthetic import Rainforest, write_rainforest

Group = Callable[[], Iterable[Row | NotMeasured]]


class Size(NamedTuple):
    """The size of a benchmark.

    Attributes:
        forest: settings of the rainforest.
        model: trained with each reader and used for prediction.
        batch_size: crops in a batch of the trainings with each reader.
        recipe_batch_size: crops in a batch of `experiment=best`.
        steps: timed steps of each training.
        repeats: number of repetitions of each measurement.
        recordings: number of recordings to score.
        shapes: of the waveforms for spectrograms, see `frontend_rows`.
        in_a_row: spectrograms that are timed as one.
        memory: batch sizes for which the memory is measured.
        more: further settings of all trainings.
    """

    forest: dict[str, float]
    model: str
    batch_size: int
    recipe_batch_size: int
    steps: int
    repeats: int
    recordings: int
    shapes: dict[str, tuple[int, float]]
    in_a_row: int
    memory: tuple[int, ...]
    more: tuple[str, ...] = ()


FULL = Size(
    {"num_train": 96, "num_test": 25, "tp_per_species": 4, "fp_per_species": 8},
    model="densenet121",
    batch_size=64,
    recipe_batch_size=32,
    steps=40,
    repeats=3,
    recordings=100,
    shapes=GPU_SHAPES,
    in_a_row=20,
    memory=(8, 16, 32),
)
REHEARSAL = Size(
    {"num_train": 48, "num_test": 2, "tp_per_species": 2, "fp_per_species": 2, "duration_s": 12.0},
    model="tiny",
    batch_size=4,
    recipe_batch_size=2,
    steps=2,
    repeats=1,
    recordings=3,
    shapes={"2 x 3 s": (2, 3.0)},
    in_a_row=1,
    memory=(1, 2),
    more=("model.encoder.name=resnet10t",),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures everything; returns 1 if anything failed or was not reached in time, else 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser, limit_s=330)
    options = parser.parse_args(arguments)
    results = prepared(options)
    limit = Limit(options.limit_s)
    size = FULL if options.device == "cuda" else REHEARSAL
    with TemporaryDirectory() as folder, quiet():
        found = measure(groups(Path(folder), size, options.device), limit, results)
    show_line(f"{limit.used:.0f} s; {results}")
    return 1 if any(isinstance(one, NotMeasured) and one.failed for one in found) else 0


def measure(chosen: Mapping[str, Group], limit: Limit, results: Path) -> list[Row | NotMeasured]:
    """Measures one group after the other, and names those that are not reached in time.

    Args:
        chosen: groups by name, in order.
        limit: of all groups together.
        results: folder of the result file, which is written after each measurement.
    """
    found: list[Row | NotMeasured] = []

    def note(one: Row | NotMeasured) -> None:
        found.append(one)
        keep(found, results)
        show_line(
            in_words(one) if isinstance(one, Row) else f"not measured: {one.what} ({one.reason})"
        )

    for name, group in chosen.items():
        begun = limit.used
        try:
            with limit.enforced():
                for one in group():
                    note(one)
        except OutOfTime as end:
            note(NotMeasured(name, str(end), failed=True))
        except Exception as error:  # noqa: BLE001 (the other groups are still measured)
            note(NotMeasured(name, first_line(error), failed=True))
        torch.use_deterministic_algorithms(False)  # a training leaves it switched on
        show_line(f"-- {name}: {limit.used - begun:.0f} s")
    return found


def groups(folder: Path, size: Size, device: str) -> dict[str, Group]:
    """All measurements, by name; the first generates the data of the others.

    Args:
        folder: of the data.
        size: of the benchmark.
        device: `cuda` or `cpu`.
    """
    forest = folder / "synthetic"
    cores = len(os.sched_getaffinity(0))
    words = [
        f"paths.data_dir={folder}",
        f"data.root={forest}",
        *(f"data.source.recipe.{name}={value}" for name, value in size.forest.items()),
        f"data.num_workers={max(1, cores - 1) if device == 'cuda' else 0}",
        f"trainer.accelerator={'gpu' if device == 'cuda' else 'cpu'}",
        *size.more,
    ]
    by_reader = partial(
        training_row,
        size.model,
        overrides=words,
        repeats=size.repeats,
        steps=size.steps,
        batch_size=size.batch_size,
    )
    spectrograms = partial(
        frontend_rows, 5 * size.repeats, device, size.shapes, GPU_GOALS, size.in_a_row
    )
    recipe = partial(recipe_rows, words, size.repeats, size.steps, size.recipe_batch_size)
    return {
        "recordings": lambda: _recordings(forest, size, words),
        "spectrograms": spectrograms,
        "training from resident": lambda: by_reader("resident", goal=1.05),
        "training from the decoded cache": lambda: by_reader("cached", goal=1.10),
        "experiment=best": recipe,
        "prediction": lambda: prediction_rows(
            sorted((forest / "test").glob("*.flac")),
            size.repeats,
            1.15,
            size.recordings,
            size.model,
        ),
        "memory of experiment=best": lambda: memory_of_recipe(words, size.memory),
        "training from FLAC": lambda: by_reader("direct", goal=None),
    }


def _recordings(forest: Path, size: Size, words: Sequence[str]) -> list[Row | NotMeasured]:
    """Generates the recordings, and fills the decoded cache as a first epoch would."""
    begun = perf_counter()
    write_rainforest(forest, Rainforest(**size.forest), rfcx_templates(), progress=False)  # pyright: ignore[reportArgumentType]
    made = perf_counter()
    config = load_config("train", ["data/reader=cached", "paths.output_dir=.", *words])
    reader = CachedReader(config.data.sample_rate, config.data.reader.folder)
    files = sorted((forest / "train").glob("*.flac"))
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        list(pool.map(partial(reader.read, duration_s=0.1), files))
    show_line(
        f"{len(files)} recordings to train on and {size.forest['num_test']} to predict: made in "
        f"{made - begun:.0f} s, decoded in {perf_counter() - made:.0f} s"
    )
    return []


if __name__ == "__main__":
    sys.exit(main())
