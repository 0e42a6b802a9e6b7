"""The cost of an hour of audio, by number of recordings, classes, windows and threads."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import soundfile

from benchmarks.prediction import make_recogniser
from benchmarks.timing import Row, timed_in_turn
from rfcx_audio.scoring.archive import LocalEngine, score_archive


def growth_rows(files: Sequence[Path], repeats: int) -> list[Row]:
    """Prediction with growing values of one factor, compared with its smallest value.

    Args:
        files: audio of one length, repeated to make up the number of recordings.
        repeats: number of times.
    """
    hours = soundfile.info(str(files[0])).duration / 3600
    cores = len(os.sched_getaffinity(0))
    steps: dict[str, dict[str, Callable[[], None]]] = {
        "recordings": {f"{n} recordings": _predict(files, n) for n in (2, 8, 32)},
        "classes": {
            f"{n} classes": _predict(files, 8, f"data.num_species={n}") for n in (24, 240, 2400)
        },
        "windows": {
            f"windows overlap by {share}": _predict(files, 8, f"inference.overlap={share}")
            for share in (0.0, 0.5, 0.75)
        },
        "threads": {f"{n} threads": _predict(files, 8, threads=n) for n in sorted({1, cores})},
    }
    rows = []
    for what, calls in steps.items():
        audio_h = {
            name: hours * (int(name.split()[0]) if what == "recordings" else 8) for name in calls
        }
        times = timed_in_turn(calls, repeats)
        costs = {name: [time / audio_h[name] for time in times[name]] for name in calls}
        least, *more = calls
        for name in more:
            pairs = list(zip(costs[name], costs[least], strict=True))
            rows.append(Row(f"an hour of audio, {what}", name, least, "s", pairs, None))
    return rows


def _predict(
    files: Sequence[Path], number: int, *overrides: str, threads: int | None = None
) -> Callable[[], None]:
    recogniser = make_recogniser(*overrides)
    engine = LocalEngine(num_threads=threads)
    recogniser.to(engine.device_type)
    paths = {f"{n:04}": files[n % len(files)] for n in range(number)}

    def run() -> None:
        with TemporaryDirectory() as folder:
            score_archive(engine, lambda: recogniser, paths, Path(folder))

    return run
