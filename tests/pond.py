"""A pond at 22.05 kHz: Raven tables of three species, and an archive without labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

RATE, DURATION_S, CALL_S = 22_050, 6.0, 0.8
SPECIES = {"Reed frog": 900.0, "Bog cricket": 5200.0, "Night heron": 450.0}
"""Names, and the pitches of the calls in Hz."""

_COLUMNS = ("Selection", "View", "Channel", "Begin Time (s)", "End Time (s)", "Low Freq (Hz)")
_MORE = ("High Freq (Hz)", "Begin File", "Species", "Present")


def write_pond(root: Path, labelled: int = 12, new: int = 4) -> Path:
    """Writes `labelled/` (audio, a selection table each) and `archive/` (audio in two folders).

    A recording has one call. Its table confirms it, and rules out the two other species there.
    """
    for number in range(labelled + new):
        rng = np.random.default_rng(number)
        called = list(SPECIES)[number % len(SPECIES)]
        start_s = rng.uniform(0.2, DURATION_S - CALL_S - 0.2)
        folder = f"labelled/{'ab'[number % 2]}" if number < labelled else f"archive/{number % 2}"
        path = root / folder / f"pond_{number:02d}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, _sound(SPECIES[called], start_s, rng), RATE, subtype="PCM_16")
        if number < labelled:
            _write_table(path, called, start_s)
    return root


def _sound(pitch_hz: float, start_s: float, rng: np.random.Generator) -> np.ndarray:
    time_s = np.arange(round(DURATION_S * RATE)) / RATE
    sounds = (time_s >= start_s) & (time_s < start_s + CALL_S)
    call = np.sin(2 * np.pi * pitch_hz * time_s) * (1 + np.sin(2 * np.pi * 12 * time_s))
    return 0.2 * call * sounds + 0.01 * rng.standard_normal(len(time_s))


def _write_table(path: Path, called: str, start_s: float) -> None:
    lines = ["\t".join((*_COLUMNS, *_MORE))]
    for number, (name, pitch_hz) in enumerate(SPECIES.items(), start=1):
        box = (start_s, start_s + CALL_S, 0.8 * pitch_hz, 1.2 * pitch_hz)
        cells = [str(number), "Spectrogram 1", "1", *(f"{value:.4f}" for value in box)]
        lines.append("\t".join([*cells, path.name, name, str(int(name == called))]))
    path.with_suffix(".selections.txt").write_text("\n".join(lines) + "\n")
