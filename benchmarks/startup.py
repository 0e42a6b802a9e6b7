"""Start-up time of the help text and the import, compared with torch's import; peak memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from benchmarks.timing import Row, rows_of


def startup_rows(repeats: int) -> list[Row]:
    """Times whole processes, in turn."""
    commands = {
        "train --help": ["-m", "rfcx_audio.train", "--help"],
        "import rfcx_audio": ["-c", "import rfcx_audio"],
        "import torch": ["-c", "import torch"],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for repeat in range(-1, repeats):
        for name, words in commands.items():
            begun = perf_counter()
            subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)  # noqa: S603
            if repeat >= 0:
                times[name].append(perf_counter() - begun)
    return [
        *rows_of("start", "train --help", times, {"import torch": 2.0}),
        *rows_of("start", "import rfcx_audio", times, {"import torch": 0.1}),
    ]


def memory_rows(checkpoint: Path, recording: Path, numbers: tuple[int, ...]) -> list[Row]:
    """Peak memory of prediction by number of recordings, compared with the smallest number.

    Args:
        checkpoint: of any model.
        recording: a file, used for all recordings.
        numbers: of recordings, the smallest first.
    """
    peaks = {number: _peak_mb(checkpoint, recording, number) for number in numbers}
    fewest = numbers[0]
    return [
        Row(
            "peak memory of predict",
            f"{number} recordings",
            f"{fewest} recordings",
            "MB",
            [(peaks[number], peaks[fewest])],
            1.05,
        )
        for number in numbers[1:]
    ]


_WATCHED = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def _peak_mb(checkpoint: Path, recording: Path, number: int) -> float:
    with TemporaryDirectory() as folder:
        audio = Path(folder) / "audio"
        audio.mkdir()
        for index in range(number):
            (audio / f"{index:06d}{recording.suffix}").symlink_to(recording.absolute())
        command = [
            *(sys.executable, "-m", "rfcx_audio.predict"),
            f"checkpoint={checkpoint.absolute()}",
            f"recordings={audio}",
            f"paths.output_dir={folder}/out",
            f"hydra.run.dir={folder}/out",
        ]
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-c", _WATCHED, *command], check=True, capture_output=True, text=True
        )
    kilobytes = int(done.stdout.split()[-1])
    return kilobytes / (1024 if sys.platform != "darwin" else 1024**2)
