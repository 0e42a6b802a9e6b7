"""Audio files: finding them, and reading only the samples that are needed."""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import soundfile
import soxr

AUDIO_SUFFIXES = (".flac", ".wav", ".ogg", ".mp3")
_RESAMPLING_MARGIN = 512  # output samples read beyond either end, longer than soxr's filter


class AudioError(Exception):
    """An audio file that cannot be used, and why."""


class AudioInfo(NamedTuple):
    """What a file's header says."""

    sample_rate: int
    num_channels: int
    num_samples: int

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.num_samples / self.sample_rate


def find_recordings(folder: Path) -> dict[str, Path]:
    """The audio files of a folder by recording id (the name without its ending), sorted.

    Raises:
        AudioError: two files have the same id.
    """
    found: dict[str, Path] = {}
    for path in sorted(Path(folder).iterdir()):
        if path.suffix.lower() not in AUDIO_SUFFIXES:
            continue
        if path.stem in found:
            raise AudioError(f"{found[path.stem].name} and {path.name} in {folder} share one id")
        found[path.stem] = path
    return found


def probe(path: Path) -> AudioInfo:
    """The header of an audio file.

    Raises:
        AudioError: it is missing, no audio, or holds no samples.
    """
    try:
        stat = path.stat()
    except OSError as error:
        raise AudioError(_reason(path, error)) from None
    return _probed(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=100_000)
def _probed(path: Path, size: int, changed_ns: int) -> AudioInfo:  # noqa: ARG001 (what it was)
    """The header is read once for as long as the file stays what it was."""
    try:
        info = soundfile.info(str(path))
    except (soundfile.LibsndfileError, OSError) as error:
        raise AudioError(_reason(path, error)) from None
    if info.frames <= 0:
        raise AudioError("it holds no samples")
    return AudioInfo(info.samplerate, info.channels, info.frames)


class AudioReader:
    """Reads any supported file as mono at one sample rate.

    Args:
        sample_rate: of what is returned, Hz; other rates are resampled (soxr, high quality).
        channel: `mean` of all channels, or the number of the one to take, from 0.
    """

    def __init__(self, sample_rate: int, channel: Literal["mean"] | int = "mean") -> None:
        self.sample_rate = sample_rate
        self.channel = channel

    def __str__(self) -> str:
        """How recordings are read, for a log."""
        return f"recordings are read at {self.sample_rate} Hz, channel: {self.channel}"

    def num_samples(self, duration_s: float) -> int:
        """Seconds as a number of samples."""
        return round(duration_s * self.sample_rate)

    def read(self, path: Path, start_s: float = 0.0, duration_s: float | None = None) -> np.ndarray:
        """A stretch of a recording.

        Args:
            path: of the file.
            start_s: where the stretch begins, s.
            duration_s: its length, s; None reads to the end. What lies beyond the end is zeros.

        Returns:
            (samples,) float32, exactly `num_samples(duration_s)` long when a duration is given.

        Raises:
            AudioError: the file is broken, shorter than its header says, holds samples that are no
                finite numbers, or lacks the channel.
        """
        info = probe(path)
        if isinstance(self.channel, int) and self.channel >= info.num_channels:
            raise AudioError(f"it has no channel {self.channel}, only {info.num_channels}")
        start = self.num_samples(start_s)
        total = math.ceil(info.num_samples * self.sample_rate / info.sample_rate)
        wanted = max(0, total - start) if duration_s is None else self.num_samples(duration_s)
        if info.sample_rate == self.sample_rate:
            waveform = self._decode(path, info, start, start + wanted)
        else:
            waveform = self._decode_resampled(path, info, start, start + wanted)
        return padded_to(wanted, waveform)

    def _decode_resampled(self, path: Path, info: AudioInfo, start: int, stop: int) -> np.ndarray:
        # Input and output grids meet every `up` output samples; beginning there keeps the phase
        # of a stretch equal to that of the whole recording resampled at once.
        divisor = math.gcd(info.sample_rate, self.sample_rate)
        up, down = self.sample_rate // divisor, info.sample_rate // divisor
        first = max(0, (start - _RESAMPLING_MARGIN) // up)
        last = math.ceil((stop + _RESAMPLING_MARGIN) / up)
        source = self._decode(path, info, first * down, last * down)
        resampled = soxr.resample(source, info.sample_rate, self.sample_rate)
        return resampled[start - first * up : stop - first * up]

    def _decode(self, path: Path, info: AudioInfo, start: int, stop: int) -> np.ndarray:
        start, stop = min(start, info.num_samples), min(stop, info.num_samples)
        try:
            samples, _ = soundfile.read(
                str(path), start=start, stop=stop, dtype="float32", always_2d=True
            )
        except (soundfile.LibsndfileError, OSError) as error:
            raise AudioError(_reason(path, error)) from None
        if len(samples) < stop - start:
            raise AudioError(
                f"it is truncated: {info.num_samples} samples promised, "
                f"the file ends at {start + len(samples)}"
            )
        if isinstance(self.channel, int):
            mono = samples[:, self.channel]
        else:
            mono = samples.mean(axis=1) if info.num_channels > 1 else samples[:, 0]
        if len(mono) and not math.isfinite(float(mono.max()) - float(mono.min())):
            raise AudioError("it holds samples that are no finite numbers")
        return mono


def padded_to(length: int, samples: np.ndarray) -> np.ndarray:
    """Zeros behind the samples, if any are needed to make them that long."""
    return np.pad(samples, (0, length - len(samples))) if len(samples) < length else samples


def _reason(path: Path, error: Exception) -> str:
    if not Path(path).exists():
        return "the file does not exist"
    return getattr(error, "error_string", str(error)).strip().rstrip(".")
