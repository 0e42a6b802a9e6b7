"""Valid and invalid audio files of every kind that a folder of recordings may contain."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

RATE = 48_000
TONE_HZ = 1000.0


class Good(NamedTuple):
    """A file that must be used.

    Attributes:
        path: of the file.
        expected: (samples,) at 48 kHz, the mean of its channels.
        tolerance: largest difference away from the ends.
    """

    path: Path
    expected: np.ndarray
    tolerance: float


class Bad(NamedTuple):
    """A file that must be reported: its path, and a part of the reason."""

    path: Path
    reason: str


def tone(rate: int = RATE, duration_s: float = 0.5, amplitude: float = 0.5) -> np.ndarray:
    """(samples,) of a sine."""
    time_s = np.arange(round(rate * duration_s)) / rate
    return amplitude * np.sin(2 * np.pi * TONE_HZ * time_s)


def write(path: Path, samples: np.ndarray, rate: int = RATE, **kind: str) -> Path:
    """Writes samples; WAV is floating-point unless `subtype` is given."""
    if path.suffix == ".wav" and "subtype" not in kind:
        kind["subtype"] = "FLOAT"
    soundfile.write(path, samples, rate, **kind)
    return path


def good_files(folder: Path) -> list[Good]:
    """Files that must be read correctly."""
    folder.mkdir()
    found: list[Good] = []

    def add(name: str, samples: np.ndarray, tolerance: float, **kind: str) -> None:
        found.append(Good(write(folder / name, samples, **kind), samples, tolerance))

    plain = tone()
    for rate in (8000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 88_200, 96_000, 192_000):
        path = write(folder / f"rate_{rate}.wav", tone(rate), rate)
        found.append(Good(path, plain, 2e-3))
    for channels in range(1, 9):
        shares = np.linspace(0.5, 1.5, channels) if channels > 1 else np.ones(1)
        path = write(folder / f"channels_{channels}.flac", plain[:, None] * shares)
        found.append(Good(path, plain, 1e-4))
    for subtype, tolerance in (("PCM_U8", 1e-2), ("PCM_16", 1e-4), ("PCM_24", 1e-6)):
        add(f"wav_{subtype}.wav", plain, tolerance, subtype=subtype)
    for subtype in ("PCM_32", "FLOAT", "DOUBLE"):
        add(f"wav_{subtype}.wav", plain, 1e-6, subtype=subtype)
    for subtype in ("ULAW", "ALAW", "IMA_ADPCM", "MS_ADPCM"):
        add(f"wav_{subtype}.wav", plain, 5e-2, subtype=subtype)
    for subtype, tolerance in (("PCM_S8", 1e-2), ("PCM_16", 1e-4), ("PCM_24", 1e-6)):
        add(f"flac_{subtype}.flac", plain, tolerance, subtype=subtype)
    add("vorbis.ogg", plain, 5e-2)
    add("opus.ogg", plain, 5e-2, subtype="OPUS")
    add("layer3.mp3", plain, 5e-2)
    add("UPPER.WAV", plain, 1e-4, format="WAV", subtype="PCM_16")
    add("rf64.wav", plain, 1e-4, format="RF64")
    # The format is that of the content, not of the name.
    add("a_flac_called.wav", plain, 1e-4, format="FLAC", subtype="PCM_16")
    add("a_wav_called.flac", plain, 1e-4, format="WAV", subtype="PCM_16")
    add("an_ogg_called.mp3", plain, 5e-2, format="OGG", subtype="VORBIS")

    add("silence.flac", np.zeros(RATE // 2), 0.0)
    add("dc.wav", np.full(RATE // 2, 0.7), 1e-6)
    add("clipped.flac", np.clip(4 * plain, -1, 1 - 2**-15), 1e-4)
    add("one_sample.wav", np.array([0.25]), 1e-6)
    add("two_samples.flac", np.array([0.25, -0.25]), 1e-4)
    add("tiny_numbers.wav", plain * 1e-40, 1e-44)
    add("unscaled_16_bit.wav", plain * 32_768, 1e-2)
    add("unscaled_32_bit.wav", plain * 2.0**31, 1e3)

    for name in (
        "späte Aufnahme №3 蛙 🐸",
        "x" * 251,
        "ü" * 125,
        "a,b;c\"d'e",
        "two\nlines",
        "a.b.c",
    ):
        add(f"{name}.wav", plain, 1e-6)
    odd = Path(os.fsdecode(os.fsencode(folder) + b"/not_utf8_\xff\xfe.wav"))
    odd.write_bytes((folder / "dc.wav").read_bytes())
    found.append(Good(odd, np.full(RATE // 2, 0.7), 1e-6))
    (folder / "link.flac").symlink_to(folder / "channels_1.flac")
    found.append(Good(folder / "link.flac", plain, 1e-4))
    return found


def bad_files(folder: Path) -> list[Bad]:
    """Files that must be reported, and never become silence, zeros or NaN."""
    folder.mkdir()
    plain = tone()
    found: list[Bad] = []

    def add(name: str, content: bytes, reason: str = "") -> None:
        (folder / name).write_bytes(content)
        found.append(Bad(folder / name, reason))

    def of(name: str, samples: np.ndarray, reason: str) -> None:
        found.append(Bad(write(folder / name, samples), reason))

    flac = write(folder / "whole.flac", plain).read_bytes()
    (folder / "whole.flac").unlink()
    wav = write(folder / "whole.wav", plain).read_bytes()
    (folder / "whole.wav").unlink()

    add("empty_flac.flac", b"")
    add("empty_wav.wav", b"")
    add("text.wav", b"this is no audio at all")
    add("noise.mp3", np.random.default_rng(0).bytes(5000))
    add("picture.flac", b"\x89PNG\r\n\x1a\n" + bytes(500))
    add("magic_only.flac", b"fLaC")
    add("flac_header_only.flac", flac[:42])
    add("wav_header_only.wav", wav[:44])
    of("no_samples.wav", np.zeros(0), "no samples")
    for share in (1, 10, 30, 50, 70, 90, 99):
        add(f"flac_cut_at_{share}.flac", flac[: len(flac) * share // 100])
        add(f"wav_cut_at_{share}.wav", wav[: len(wav) * share // 100])
    for name in ("vorbis_cut.ogg", "layer3_cut.mp3"):
        whole = write(folder / name, tone(duration_s=3)).read_bytes()
        add(name, whole[: len(whole) // 2])
    add("ends_in_noise.flac", flac[: len(flac) // 2] + bytes(len(flac) // 2))

    for name, value in (("nan", np.nan), ("plus_inf", np.inf), ("minus_inf", -np.inf)):
        one = plain.copy()
        one[12_345] = value
        of(f"one_{name}.wav", one, "no finite numbers")
        both = np.stack([plain, one], 1)
        of(f"{name}_in_one_channel.wav", both, "no finite numbers")
    of("all_nan.wav", np.full(24_000, np.nan), "no finite numbers")
    of("plus_and_minus_inf.wav", np.full((24_000, 2), [np.inf, -np.inf]), "no finite numbers")
    of("absurdly_loud.wav", plain * 1e30, "full scale")
    beyond = write(folder / "beyond_float32.wav", plain * 1e300, subtype="DOUBLE")
    found.append(Bad(beyond, "no finite numbers"))

    add("promises_more_than_a_week.flac", promising(flac, 2**36 - 1), "more than a week")
    add("promises_nothing.flac", promising(flac, 0), "unknown number")
    add("promises_too_much.flac", promising(flac, 2**30), "at most")
    add("a_trillion_samples.wav", a_trillion_samples(), "truncated")

    return [*found, *no_files(folder)]


def no_files(folder: Path) -> list[Bad]:
    """Paths with the name of an audio file that are no files; reading a pipe would never end."""
    (folder / "folder.wav").mkdir()
    os.mkfifo(folder / "pipe.wav")
    (folder / "dangling.flac").symlink_to(folder / "gone.flac")
    (folder / "loop.flac").symlink_to(folder / "loop.flac")
    (folder / "device.wav").symlink_to("/dev/zero")
    return [
        Bad(folder / "folder.wav", "no ordinary file"),
        Bad(folder / "pipe.wav", "no ordinary file"),
        Bad(folder / "dangling.flac", "does not exist"),
        Bad(folder / "loop.flac", "cannot be opened"),
        Bad(folder / "device.wav", "no ordinary file"),
    ]


def promising(flac: bytes, num_samples: int) -> bytes:
    """A FLAC file whose header has another number of samples."""
    word = int.from_bytes(flac[18:26], "big")
    return flac[:18] + (word >> 36 << 36 | num_samples).to_bytes(8, "big") + flac[26:]


def a_trillion_samples() -> bytes:
    """A WAV file with 64-bit sizes (RF64) whose header has 10^12 samples and that contains ten."""
    size = 2 * 10**12
    ds64 = struct.pack("<4sIQQQI", b"ds64", 28, size + 72, size, 10**12, 0)
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, RATE, 2 * RATE, 2, 16)
    head = struct.pack("<4sI4s", b"RF64", 0xFFFFFFFF, b"WAVE")
    return head + ds64 + form + struct.pack("<4sI", b"data", 0xFFFFFFFF) + bytes(20)


def hour_of_silence(path: Path, channels: int = 8) -> Path:
    """A decompression bomb: a file of 14 MB that decodes to 5.5 GB."""
    block = np.zeros((10 * RATE, channels), dtype=np.int16)
    with soundfile.SoundFile(path, "w", RATE, channels, "PCM_16", compression_level=0) as file:
        for _ in range(360):
            file.write(block)
    return path


def named_by(read: Callable[[], object], error: type[Exception]) -> str | None:
    """The message of the error that reading raises; None if it raises none."""
    try:
        read()
    except error as raised:
        return str(raised)
    return None
