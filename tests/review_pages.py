"""Recordings of invented calls with a queue of clips, and the page of it in a browser."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile

from rfcx_audio.verdicts import CLIP_COLUMNS, STRATUM_COLUMNS, VerdictStore

RATE, DURATION_S = 48_000, 30.0
CALL_S, EVERY_S = 0.9, 3.0
SPECIES = {"Bell frog": (1800.0, 2600.0), "Whistling owl": (700.0, 950.0)}
"""Names, and the frequencies in Hz between which the invented calls rise and fall."""

CHROMIUM = Path("/usr/bin/chromium")
# A browser of its own, which asks nothing of a network.
_FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


def write_recordings(folder: Path, number: int) -> Path:
    """Recordings `site_a/r0.wav`, … with a call every three seconds, of the species in turn."""
    time_s = np.arange(round(CALL_S * RATE)) / RATE
    shape = np.sin(np.pi * time_s / CALL_S) ** 2
    for recording in range(number):
        rng = np.random.default_rng(recording)
        sound = 0.01 * rng.standard_normal(round(DURATION_S * RATE))
        for place in range(int(DURATION_S / EVERY_S)):
            low, high = list(SPECIES.values())[place % len(SPECIES)]
            pitch = low + (high - low) * np.sin(np.pi * time_s / CALL_S)
            call = np.sin(2 * np.pi * np.cumsum(pitch) / RATE)
            call += 0.3 * np.sin(4 * np.pi * np.cumsum(pitch) / RATE)
            first = round((place * EVERY_S + 1.0) * RATE)
            sound[first : first + len(call)] += rng.uniform(0.05, 0.3) * shape * call
        path = folder / f"site_{'ab'[recording % 2]}" / f"r{recording}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, sound, RATE, subtype="PCM_16")
    return folder


def queue_table(number: int, recordings: int) -> pd.DataFrame:
    """Clips around the calls of `write_recordings`, with boxes; after the last they repeat."""
    rows = []
    each = int(DURATION_S / EVERY_S)
    for clip in range(number):
        recording, place = (clip // each) % recordings, clip % each
        species = list(SPECIES)[place % len(SPECIES)]
        low, high = SPECIES[species]
        box = (place * EVERY_S + 0.9, place * EVERY_S + 2.0, 0.9 * low, 1.1 * high)
        site = f"site_{'ab'[recording % 2]}"
        where = (f"{site}/r{recording}", species, *box)
        rows.append((*where, 0.99 - clip / number / 2, "all", 0.5, site, "2025-05-02T05:30:00"))
    return pd.DataFrame(rows, columns=pd.Index(CLIP_COLUMNS))


def write_review(
    folder: Path, clips: int = 12, recordings: int = 2, missing: int = 0
) -> VerdictStore:
    """`audio/` and `review/verdicts.sqlite` with one queue.

    Args:
        folder: of both.
        clips: number of them.
        recordings: number of them.
        missing: of the clips, how many at the end have no recording.
    """
    write_recordings(folder / "audio", recordings)
    store = VerdictStore.open(folder / "review" / "verdicts.sqlite", create=True)
    strata = [(name, "all", 2 * clips, clips // 2) for name in SPECIES]
    table = pd.DataFrame(strata, columns=pd.Index(STRATUM_COLUMNS))
    queue = queue_table(clips, recordings)
    queue.loc[clips - missing :, "recording_id"] = "gone"
    store.add_queue("random", queue, table, seed=3, settings={})
    return store


def answers(folder: Path, reviewer: str) -> dict[int, dict[str, Any]]:
    """What a reviewer has answered in a review, by the number of the clip."""
    found = VerdictStore.open(folder / "review" / "verdicts.sqlite").answers()
    rows = found[found["reviewer"] == reviewer].to_dict("records")
    return {int(row["clip"]): {str(key): value for key, value in row.items()} for row in rows}


class Served:
    """The command `rfcx-audio review` in a process of its own."""

    def __init__(self, folder: Path, *words: str) -> None:
        command = [sys.executable, "-m", "rfcx_audio.review", f"recordings={folder / 'audio'}"]
        command += [f"out={folder / 'review'}", "browser=false", *words]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder
        )
        self.lines: list[str] = []
        self.address = self._address()

    def _address(self) -> str:
        assert self.process.stdout is not None
        while line := self.process.stdout.readline():
            self.lines.append(line)
            if line.startswith("Ctrl-C ends it"):  # the last before it serves
                break
        found = re.search(r"http://127\.0\.0\.1:\d+/\?token=\S+", "".join(self.lines))
        assert found is not None, "".join(self.lines)
        return found[0]

    def kill(self) -> None:
        """As a failing power supply does it."""
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def interrupt(self) -> str:
        """Ctrl-C; all that was printed."""
        self.process.send_signal(signal.SIGINT)
        assert self.process.stdout is not None
        with self.process.stdout as rest:
            self.lines += rest.readlines()
        assert self.process.wait(30) == 0
        return "".join(self.lines)


@contextmanager
def served(folder: Path, *words: str) -> Iterator[Served]:
    """The command while it runs."""
    one = Served(folder, *words)
    try:
        yield one
    finally:
        if one.process.poll() is None:
            one.kill()


@contextmanager
def browser() -> Iterator[Any]:
    """Headless Chromium; the test is skipped where it is missing."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not installed; .ci/browsers installs it")
    with api.sync_playwright() as playwright:
        flags = [*_FLAGS, "--autoplay-policy=user-gesture-required"]
        one = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=flags, env={**os.environ, "DISPLAY": ""}
        )
        yield one
        one.close()
