"""Crops from FLAC and from the decoded cache, compared with direct reads of the same samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import soundfile

from benchmarks.timing import Row, rows_of, timed_in_turn
from rfcx_audio.data import AudioReader, CachedReader

_CROP_S = 6.0
_CROPS = 200


def reading_rows(files: Sequence[Path], repeats: int) -> list[Row]:
    """Times each reader on the same random crops.

    Args:
        files: audio of one sample rate, mono.
        repeats: number of times.
    """
    info = soundfile.info(str(files[0]))
    rate, length = info.samplerate, round(_CROP_S * info.samplerate)
    draw = np.random.default_rng(0)
    places = [
        (files[int(draw.integers(len(files)))], int(draw.integers(info.frames - length)))
        for _ in range(_CROPS)
    ]

    def every(read: Callable[[Path, int], np.ndarray]) -> Callable[[], None]:
        def run() -> None:
            for path, start in places:
                read(path, start)

        return run

    def by_soundfile(path: Path, start: int) -> np.ndarray:
        return soundfile.read(str(path), length, start, dtype="float32")[0]

    with TemporaryDirectory() as folder:
        kept = {}
        for number, path in enumerate(files):
            samples, _ = soundfile.read(str(path), dtype="int16")
            kept[path] = Path(folder) / f"{number}.npy"
            np.save(kept[path], samples)

        def by_numpy(path: Path, start: int) -> np.ndarray:
            stretch = np.load(kept[path], mmap_mode="r")[start : start + length]
            return stretch.astype(np.float32) / 32768

        direct = AudioReader(rate)
        cached = CachedReader(rate, f"{folder}/cache")
        calls = {
            "AudioReader": every(lambda path, start: direct.read(path, start / rate, _CROP_S)),
            "soundfile.read": every(by_soundfile),
            "CachedReader": every(lambda path, start: cached.read(path, start / rate, _CROP_S)),
            "numpy memory map": every(by_numpy),
        }
        times = timed_in_turn(calls, repeats)
    return [
        *rows_of("6 s from FLAC", "AudioReader", times, {"soundfile.read": 1.1}),
        *rows_of(
            "6 s from the cache",
            "CachedReader",
            times,
            {"soundfile.read": 1.1, "numpy memory map": 1.1},
        ),
    ]
