"""An encoder and recordings that are quick to embed, and commands that embed them."""

from __future__ import annotations

import importlib
import signal
import sys
from pathlib import Path

import numpy as np
import soundfile

from rfcx_audio.embed import main
from tiny_encoders import RATE, SAMPLES, tiny, write_onnx

WINDOW_S = SAMPLES / RATE


def encoder_words(folder: Path) -> list[str]:
    """The words that choose a small ONNX encoder, whose file is written if it is not there."""
    file = folder / "tiny.onnx"
    if not file.exists():
        write_onnx(file, tiny())
    kind = f"sample_rate={RATE}", f"window_s={WINDOW_S}", f"file={file}"
    return ["model=onnx", *(f"model.encoder.{word}" for word in kind)]


def write_sounds(folder: Path, number: int, broken: tuple[int, ...] = ()) -> dict[str, Path]:
    """Recordings of 3 s in two folders, by id: rows of chirps, of another pitch in each."""
    paths = {}
    for index in range(number):
        path = folder / "ab"[index % 2] / f"{index:02}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(index).normal(0, 0.05, 3 * RATE)
        time_s = np.arange(3 * RATE) / RATE
        chirps = np.sin(2 * np.pi * (30 + 7 * index) * time_s) * (time_s % 1 < 0.2)
        soundfile.write(path, noise + 0.3 * chirps, RATE, subtype="PCM_16")
        if index in broken:
            path.write_bytes(path.read_bytes()[:20])
        paths[f"{path.parent.name}/{path.stem}"] = path
    return dict(sorted(paths.items()))


def embed(*words: str) -> None:
    """`python -m rfcx_audio.embed`."""
    sys.argv = ["embed", *words]
    main()


def embed_with_ctrl_c(*words: str) -> None:
    """The same, interrupted by Ctrl-C even if the tests run in the background."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    embed(*words)


def embed_with_ray(*words: str) -> None:
    """The same with the other engine; its cluster is shut down afterwards."""
    embed("engine=ray", *words)
    importlib.import_module("ray").shutdown()
