"""Prediction from FLAC, compared with the network alone on ready windows, and OpenSoundscape."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from benchmarks.timing import NotMeasured, Row, rows_of, timed_in_turn
from rfcx_audio.config import build, load_config
from rfcx_audio.hardware import autocast, best_precision
from rfcx_audio.scores import species_columns
from rfcx_audio.scoring import Recogniser
from rfcx_audio.scoring.archive import LocalEngine, score_archive

_MODEL = "densenet121"
_WINDOW_S = 6.0
_BATCHES = (32, 64, 128, 256)


def prediction_rows(
    files: Sequence[Path],
    repeats: int,
    goal: float,
    number: int | None = None,
    model: str = _MODEL,
) -> Iterator[Row | NotMeasured]:
    """Times prediction over whole recordings, in windows of 6 s with an overlap of half.

    Args:
        files: audio of one length.
        repeats: number of times.
        goal: largest ratio to the network alone.
        number: of recordings, made up by repeating the files; None for each file once.
        model: option of `conf/model`.
    """
    engine = LocalEngine()
    device = torch.device(engine.device_type)
    recogniser = make_recogniser(f"model={model}").to(device)
    chosen = [files[index % len(files)] for index in range(number or len(files))]
    paths = {f"{index:04}": path for index, path in enumerate(chosen)}
    group = f"prediction, {model}, {len(chosen)} recordings"

    def ours() -> None:
        with TemporaryDirectory() as folder:
            score_archive(engine, lambda: recogniser, paths, Path(folder))

    calls: dict[str, Callable[[], object]] = {
        "predict": ours,
        "network alone": _network_alone(recogniser, chosen, device),
    }
    goals = {"network alone": goal}
    if not find_spec("opensoundscape"):
        yield NotMeasured(f"{group}, OpenSoundscape", 'not installed: pip install -e ".[bench]"')
    else:
        calls["OpenSoundscape"] = _opensoundscape(files)
        goals["OpenSoundscape"] = 0.5
    yield from rows_of(group, "predict", timed_in_turn(calls, repeats), goals)


def make_recogniser(*overrides: str) -> Recogniser:
    """A recogniser with random weights."""
    words = [f"model={_MODEL}", "model.encoder.pretrained=false", "paths.output_dir=."]
    config = load_config("train", [*words, *overrides])
    return Recogniser(
        build(config.data.reader),
        build(config.frontend),
        build(config.model),
        build(config.inference),
        species_columns(config.data.num_species),
    ).eval()


def _network_alone(
    recogniser: Recogniser, files: Sequence[Path], device: torch.device
) -> Callable[[], None]:
    """Scores the same windows, given as spectrograms.

    On a CPU, recordings are distributed over the cores as in `predict`; on a GPU, batches span all
    recordings and have the fastest size.
    """
    windows = recogniser.windows
    waveform = torch.from_numpy(recogniser.reader.read(files[0])).to(device)
    with torch.inference_mode():
        ready, _ = windows.cut(recogniser.frontend, waveform[None])
    precision = best_precision(device.type)

    def score(batch: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode(), autocast(device, precision):
            return recogniser.detector(batch).clip.float().sigmoid()

    if device.type == "cuda":
        return _on_gpu(score, ready, len(ready) * len(files))

    def run() -> None:
        threads = len(os.sched_getaffinity(0))
        before = torch.get_num_threads()
        with ThreadPoolExecutor(threads, "alone", torch.set_num_threads, (1,)) as pool:
            list(pool.map(score, [ready] * len(files)))
        torch.set_num_threads(before)

    return run


def _on_gpu(
    score: Callable[[torch.Tensor], torch.Tensor], ready: torch.Tensor, number: int
) -> Callable[[], None]:
    """Scores `number` windows in batches of the fastest size, and copies the scores once."""

    def run(size: int) -> None:
        batch = ready.repeat(-(-size // len(ready)), 1, 1, 1)[:size]
        torch.cat([score(batch[: number - begun]) for begun in range(0, number, size)]).cpu()

    calls = {str(size): partial(run, size) for size in _BATCHES}
    seconds = {size: min(times) for size, times in timed_in_turn(calls, 1).items()}
    return calls[min(seconds, key=lambda size: seconds[size])]


def _opensoundscape(files: Sequence[Path]) -> Callable[[], object]:
    """OpenSoundscape's classifier, with the same encoder and windows and its own preprocessing."""
    from opensoundscape import CNN  # noqa: PLC0415 (an extra)
    from opensoundscape.ml import cnn_architectures  # noqa: PLC0415

    network = cnn_architectures.densenet121(num_classes=24, weights=None)
    model = CNN(network, [f"s{n}" for n in range(24)], _WINDOW_S, sample_rate=48_000)
    names = [str(path) for path in files]
    batch_size = 16 if torch.cuda.is_available() else 2  # the fastest of 1, 2, 4 and 16 on a CPU
    workers = len(os.sched_getaffinity(0))
    return lambda: model.predict(
        names, batch_size=batch_size, num_workers=workers, overlap_fraction=0.5, progress_bar=False
    )
