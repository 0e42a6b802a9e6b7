"""A cache of decoded audio: reading a crop of it costs no decoding."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import threading
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np

from rfcx_audio.data.audio import MAX_SAMPLES, AudioReader, padded_to, probe

_log = logging.getLogger(__name__)
FULL_SCALE = 32768
_KEPT = np.dtype("<i2")
_SHARE_UNLISTED = 1 / 16
"""Of the room that a process found, what it fills before it looks again what others have added: up
to 16 processes then fill a cache at once, and none goes beyond it by more than a recording."""


class CachedReader(AudioReader):
    """An `AudioReader` that keeps what it decoded, as 16-bit samples, in a folder.

    A recording is decoded whole when it is first asked for; from then on a stretch of it is read
    from there. Files appear under their final name only when they are complete, so that
    several processes may fill one cache at once. A recording of 16 bits at the sample rate is kept
    exactly; others are rounded to 16 bits. What does not fit (samples beyond full scale, recordings
    of hours that cannot be decoded at once, a full cache, which a warning reports) is decoded each
    time, no more of it than is asked for.

    Args:
        sample_rate: of what is returned, Hz.
        folder: of the cache; a changed audio file (size, time of change) is decoded anew.
        max_gb: size at which the cache takes no more recordings; None: only the disk limits it.
        reserve_gb: what the cache leaves free on its disk.
        channel: see `AudioReader`.

    Raises:
        ValueError: a size is below 0.
    """

    def __init__(
        self,
        sample_rate: int,
        folder: str,
        max_gb: float | None = None,
        reserve_gb: float = 5.0,
        channel: Literal["mean"] | int = "mean",
    ) -> None:
        super().__init__(sample_rate, channel)
        for name, size in (("max_gb", max_gb), ("reserve_gb", reserve_gb)):
            if size is not None and size < 0:
                raise ValueError(f"data.reader.{name} = {size}; expected at least 0")
        self.folder = Path(folder)
        self.max_gb = max_gb
        self.reserve_gb = reserve_gb
        self.refused: set[Path] = set()
        self.full = False
        self._room = 0  # bytes below `max_gb` when the folder was last listed
        self._added = 0  # bytes that this process has added since

    def __str__(self) -> str:
        """How recordings are read, for a log, and the size of the cache."""
        most = f"of at most {self.max_gb:g} GB, " if self.max_gb is not None else "GB, "
        size = f"{self.size_gb():.2f} {most}{self.reserve_gb:g} GB of the disk stay free"
        return f"{super().__str__()}, decoded once into {self.folder} ({size})"

    def read(self, path: Path, start_s: float = 0.0, duration_s: float | None = None) -> np.ndarray:
        """As `AudioReader.read`."""
        kept = self._file(path)
        if kept is None or not (kept.exists() or self._keep(path, kept)):
            return super().read(path, start_s, duration_s)
        start = self.num_samples(start_s)
        if duration_s is None:
            wanted = max(0, kept.stat().st_size // _KEPT.itemsize - start)
        else:
            wanted = self.num_samples(duration_s)
        # Plain reading: to open a memory map takes longer than to copy some seconds.
        stretch = np.fromfile(kept, _KEPT, wanted, offset=start * _KEPT.itemsize)
        stretch = np.multiply(stretch, 1 / FULL_SCALE, dtype=np.float32)
        return padded_to(wanted, stretch)

    def size_gb(self) -> float:
        """What the cache holds by now, in GB; lists its folder."""
        return sum(file.stat().st_size for file in self.folder.glob("*.i16")) / 1e9

    def _file(self, path: Path) -> Path | None:
        """Where a recording is kept; None where there is no such recording."""
        try:
            stat = path.stat()
        except OSError:
            return None
        return self.folder / _name(
            path, stat.st_size, stat.st_mtime_ns, self.sample_rate, self.channel
        )

    def _keep(self, path: Path, kept: Path) -> bool:
        """Decodes a recording into the cache, if it fits there; what did not is not tried again."""
        if self.full or kept in self.refused:
            return False
        samples = None if self._is_too_long(path) else in_16_bits(super().read(path))
        if samples is None:
            self.refused.add(kept)
            return False
        self.folder.mkdir(parents=True, exist_ok=True)
        size = samples.size * _KEPT.itemsize
        if not (self._disk_has(size) and self._has_room(size)):
            return False
        unfinished = self.folder / f"{kept.stem}.{os.getpid()}-{threading.get_ident()}.part"
        try:
            samples.astype(_KEPT).tofile(unfinished)
            unfinished.replace(kept)
        except OSError as error:  # others, too, fill this disk
            unfinished.unlink(missing_ok=True)
            return self._is_full(f"its disk takes no more ({error})", "make room there")
        self._added += size
        return True

    def _is_too_long(self, path: Path) -> bool:
        info = probe(path)
        decoded = info.num_samples * info.num_channels
        return max(decoded, info.samples_at(self.sample_rate)) > MAX_SAMPLES

    def _disk_has(self, size: int) -> bool:
        """Whether a file may be written, so that the disk keeps its reserve."""
        if shutil.disk_usage(self.folder).free - size >= self.reserve_gb * 1e9:
            return True
        reason = f"its disk keeps {self.reserve_gb:g} GB free"
        return self._is_full(reason, "make room there, or lower data.reader.reserve_gb")

    def _has_room(self, size: int) -> bool:
        """Whether a file fits below `max_gb`; the folder is listed only now and then."""
        if self.max_gb is None:
            return True
        if self._added + size > self._room * _SHARE_UNLISTED:
            self._room, self._added = round((self.max_gb - self.size_gb()) * 1e9), 0
        if size <= self._room - self._added:
            return True
        return self._is_full(
            f"it may hold {self.max_gb:g} GB", "delete it, or raise data.reader.max_gb"
        )

    def _is_full(self, reason: str, remedy: str) -> bool:
        """Warns once that the cache takes no more; False."""
        self.full = True
        _log.warning(
            "the cache in %s is full, %s: what it does not hold is decoded for each crop; %s",
            self.folder,
            reason,
            remedy,
        )
        return False


def in_16_bits(waveform: np.ndarray) -> np.ndarray | None:
    """Samples rounded to 16 bits; None where there are none, or some lie beyond full scale.

    Args:
        waveform: (samples,) float32; what came from 16 bits becomes exactly what it was.

    Returns:
        (samples,) int16, of which `FULL_SCALE` would be 1.
    """
    samples = np.rint(waveform * FULL_SCALE)
    fits = samples.size and samples.min() >= -FULL_SCALE and samples.max() < FULL_SCALE
    return samples.astype(np.int16) if fits else None


@lru_cache(maxsize=100_000)
def _name(path: Path, *changes: int | str) -> str:
    """The same for the same file and settings, wherever it is seen from."""
    key = " ".join(map(str, (path.resolve(), *changes)))
    return f"{hashlib.sha256(os.fsencode(key)).hexdigest()[:32]}.i16"
