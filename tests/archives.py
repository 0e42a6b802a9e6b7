"""A checkpoint and recordings that are quick to make and score, and commands that score them."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch

from rfcx_audio.config import build, config_text, load_config
from rfcx_audio.predict import main
from rfcx_audio.scoring import CONFIG_KEY, Recogniser, load_recogniser
from rfcx_audio.scoring.archive import FileScorer, Outcome
from rfcx_audio.scoring.archive.local import ProcessScorer

RATE = 16_000
_SMALL = (
    f"data.sample_rate={RATE}",
    "data.crop_duration_s=1.0",
    "frontend.n_fft=512",
    "frontend.hop_length=256",
    "frontend.n_mels=32",
    "frontend.f_max=7000",
)


def write_checkpoint(folder: Path, seed: int = 0) -> Path:
    """A checkpoint as a training run of a tiny network writes it."""
    config = load_config("train", [f"paths.output_dir={folder}", *_SMALL])
    torch.manual_seed(seed)
    weights = {f"model.{key}": value for key, value in build(config.model).state_dict().items()}
    path = folder / f"seed_{seed}.ckpt"
    torch.save({"state_dict": weights, CONFIG_KEY: config_text(config)}, path)
    return path


def loader(checkpoint: Path) -> Callable[[], Recogniser]:
    """A function that loads the recogniser of a checkpoint, in any process."""
    return partial(load_recogniser, checkpoint)


def write_recordings(folder: Path, number: int, broken: Sequence[int] = ()) -> dict[str, Path]:
    """Recordings of 3 s of noise in two folders, by id; some are broken, in different ways."""
    paths = {}
    for index in range(number):
        path = folder / "ab"[index % 2] / f"{index:02}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        samples = np.random.default_rng(index).uniform(-0.5, 0.5, 3 * RATE)
        soundfile.write(path, samples * np.linspace(0.01, 1, len(samples)), RATE)
        if index in broken:
            content = path.read_bytes()
            ways = b"", b"nonsense", content[:20], content[:44], bytes(1000)
            path.write_bytes(ways[broken.index(index) % len(ways)])
        paths[f"{path.parent.name}/{path.stem}"] = path
    return dict(sorted(paths.items()))


def predict(*words: str) -> None:
    """`python -m rfcx_audio.predict`."""
    sys.argv = ["predict", *words]
    main()


def predict_with_ctrl_c(*words: str) -> None:
    """The same, interrupted by Ctrl-C even if the tests run in the background."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    predict(*words)


def predict_with_ray(*words: str) -> None:
    """The same with the other engine; its cluster is shut down afterwards."""
    predict("engine=ray", *words)
    importlib.import_module("ray").shutdown()


def predict_and_weigh(pipe: Any, *words: str) -> None:
    """The same; sends the peak memory above that at the start, in MB."""
    before = peak = _resident_mb()
    ended = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not ended.wait(0.002):
            peak = max(peak, _resident_mb())

    watcher = threading.Thread(target=watch)
    watcher.start()
    predict(*words)
    ended.set()
    watcher.join()
    pipe.send(peak - before)


def _resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 2**20


class Dies:
    """A scorer whose process ends at the first file."""

    def __call__(self, path: Path) -> Outcome:
        os._exit(3)


def begin_and_wait(pipe: Any) -> None:
    """Starts a scoring process, sends its process id, and waits to be stopped."""
    scorer = ProcessScorer.start(Dies, 1)[0]
    pipe.send(scorer.process.pid)
    time.sleep(600)


def stopping(recogniser: Recogniser, scorer: FileScorer) -> list[None]:
    """Stops a scorer when its network is called; returns a list with an entry for each call."""
    calls: list[None] = []

    def stop(*_: object) -> None:
        calls.append(None)
        scorer.stop()

    recogniser.detector.register_forward_pre_hook(stop)
    return calls
