"""Audio files: what they hold, and reading only the samples that are needed."""

from __future__ import annotations

import math
import re
import stat
from functools import lru_cache
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import soundfile
import soxr

from rfcx_audio.data.unfinished_wav import opened

UNREAD_SUFFIXES = (".m4a", ".m4b", ".aac", ".wma", ".wac", ".amr", ".ape", ".wv", ".ac3", ".dsf")
"""Endings of audio files in a form that libsndfile does not read; they are named, not scored."""

AUDIO_SUFFIXES = (
    *(".flac", ".wav", ".wave", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".au"),
    *(".snd", ".caf", ".w64", ".rf64", ".sph", ".nist", ".voc", ".mp2"),
    *UNREAD_SUFFIXES,
)
"""Endings of audio files, in any case; what a file holds shows in its content."""

MAX_DURATION_S = 7 * 24 * 3600.0
"""A file whose header declares a longer recording is refused."""

MAX_SAMPLES = 2**29
"""Samples, of all channels together, that one read decodes: 3 hours of 48 kHz mono, 2 GiB."""

MAX_PEAK = 2.0**31
"""Full scale is 1; beyond whole numbers of 32 bits, the power of a spectrum overflows."""

# libsndfile reads a WAV file that ends too early as a shorter one; only its log shows it.
_WAV_DATA = re.compile(r"^ *data : (\d+) \(should be (\d+)\)$", re.MULTILINE)
_RF64_DATA = re.compile(r"^ *Data size : (\d+)$", re.MULTILINE)
_OGG_CUT = "without an End-Of-Stream flag"
_UNKNOWN_BYTES = 0x7FFFF000  # sizes from here on mean unknown: the program wrote to a pipe
_RESAMPLING_MARGIN = 512  # output samples read beyond either end, longer than soxr's filter


def is_unread(name: str) -> bool:
    """Whether a file's name has one of `UNREAD_SUFFIXES`."""
    return name.lower().endswith(UNREAD_SUFFIXES)


class AudioError(Exception):
    """An audio file that cannot be used, and why."""


class AudioInfo(NamedTuple):
    """The header of an audio file."""

    sample_rate: int
    num_channels: int
    num_samples: int

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.num_samples / self.sample_rate

    def samples_at(self, sample_rate: int) -> int:
        """Length in samples once it is resampled to a rate (Hz)."""
        return math.ceil(self.num_samples * sample_rate / self.sample_rate)


def probe(path: Path) -> AudioInfo:
    """The header of an audio file.

    Raises:
        AudioError: it is missing, no file, not readable, no audio, holds no samples, ends before
            the end that its header declares, or declares more than `MAX_DURATION_S`. FLAC and MP3
            files that end too early are found only when they are read.
    """
    path = Path(path)
    _check_readable(path)
    found = path.stat()
    return _probed(path, found.st_size, found.st_mtime_ns)


@lru_cache(maxsize=100_000)
def _probed(path: Path, size: int, changed_ns: int) -> AudioInfo:  # noqa: ARG001 (what it was)
    """The header is read once for as long as the file stays what it was."""
    try:
        with opened(path) as file:
            info = soundfile.info(file, verbose=True)
    except soundfile.LibsndfileError as error:
        raise AudioError(_reason(error, path)) from None
    _check_whole(info.extra_info, size)
    if info.format == "RAW":  # which libsndfile takes any content for, where the name ends in .au
        raise AudioError("it has no header")
    if info.frames <= 0:
        raise AudioError("it holds no samples")
    if info.frames > MAX_DURATION_S * info.samplerate:
        raise AudioError(
            f"its header declares {info.frames} samples, more than a week, or an unknown number; "
            "write the file again"
        )
    return AudioInfo(info.samplerate, info.channels, info.frames)


class AudioReader:
    """Reads any supported file as mono at one sample rate.

    Args:
        sample_rate: of what is returned, Hz; other rates are resampled (soxr, high quality).
        channel: `mean` of all channels, or the number of the one to take, from 0.

    Raises:
        ValueError: a setting is out of its range.
    """

    def __init__(self, sample_rate: int, channel: Literal["mean"] | int = "mean") -> None:
        if sample_rate < 1:
            raise ValueError(f"sample_rate = {sample_rate} Hz; it must be above 0")
        if channel != "mean" and not (isinstance(channel, int) and channel >= 0):
            raise ValueError(f"channel = {channel!r}; choose mean or a number from 0")
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
            AudioError: the file is broken, shorter than its header declares, has no such channel,
                has samples that are not finite or beyond `MAX_PEAK`, or more than `MAX_SAMPLES`
                would have to be decoded or made by resampling.
        """
        path = Path(path)
        info = probe(path)
        if isinstance(self.channel, int) and self.channel >= info.num_channels:
            raise AudioError(f"it has no channel {self.channel}, only {info.num_channels}")
        start = self.num_samples(start_s)
        rest = max(0, info.samples_at(self.sample_rate) - start)
        wanted = rest if duration_s is None else self.num_samples(duration_s)
        _refuse_too_many(wanted)
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
        _refuse_too_many((stop - start) * info.num_channels)
        try:
            with opened(path) as file:
                samples, _ = soundfile.read(
                    file, start=start, stop=stop, dtype="float32", always_2d=True
                )
        except soundfile.LibsndfileError as error:
            if "seek" in error.error_string:
                raise AudioError(
                    f"it is truncated: {info.num_samples} samples declared, the file ends before "
                    f"number {start}"
                ) from None
            raise AudioError(_reason(error, path)) from None
        if len(samples) < stop - start:
            raise AudioError(
                f"it is truncated: {info.num_samples} samples declared, "
                f"the file ends at {start + len(samples)}"
            )
        if isinstance(self.channel, int):
            samples = samples[:, self.channel : self.channel + 1]
        peak = np.maximum(samples.max(initial=0.0), -samples.min(initial=0.0))
        if not np.isfinite(peak):
            raise AudioError("it holds samples that are no finite numbers")
        if peak > MAX_PEAK:
            raise AudioError(f"it holds samples up to {peak:g}; full scale is 1")
        return samples.mean(axis=1) if samples.shape[1] > 1 else samples[:, 0]


def padded_to(length: int, samples: np.ndarray) -> np.ndarray:
    """Zeros behind the samples, if any are needed to make them that long."""
    return np.pad(samples, (0, length - len(samples))) if len(samples) < length else samples


def _check_readable(path: Path) -> None:
    """Asks the system, whose reasons are better than libsndfile's, and which never waits here.

    Raises:
        AudioError: there is no file, it is no ordinary one, or it cannot be opened.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise AudioError("it is no ordinary file")
        path.open("rb").close()
    except FileNotFoundError:
        raise AudioError("the file does not exist") from None
    except OSError as error:
        raise AudioError(f"it cannot be opened: {error.strerror}") from None


def _check_whole(log: str, size: int) -> None:
    """Looks for a file that ends before its samples do.

    Raises:
        AudioError: it does.
    """
    cut = [
        (int(declared), int(found))
        for declared, found in _WAV_DATA.findall(log)
        if int(found) + 1 < int(declared) < _UNKNOWN_BYTES  # the 1 is a byte of padding
    ]
    cut += [(int(declared), size) for declared in _RF64_DATA.findall(log) if int(declared) > size]
    if cut:
        raise AudioError(
            f"it is truncated: {cut[0][0]} bytes of samples declared, {cut[0][1]} found"
        )
    if _OGG_CUT in log:
        raise AudioError("it is truncated: the end of the stream is missing")


def _refuse_too_many(samples: int) -> None:
    if samples > MAX_SAMPLES:
        raise AudioError(
            f"{samples} samples would have to be held at once, at most {MAX_SAMPLES} are; "
            "cut the recording into shorter files"
        )


def _reason(error: soundfile.LibsndfileError, path: Path) -> str:
    if is_unread(path.name):
        return f"{path.suffix} files cannot be read; convert this one to FLAC or WAV"
    reason = error.error_string.strip().rstrip(".")
    # libsndfile's message for a file that exists, and looks like MP3.
    return "Format not recognised" if reason.startswith("File does not exist") else reason
