"""A cache of decoded audio: reading a crop of it costs no decoding."""

from __future__ import annotations

import hashlib
import logging
import os
import threading
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np

from rfcx_audio.data.audio import AudioReader, padded_to

_log = logging.getLogger(__name__)
_FULL_SCALE = 32768
_KEPT = np.dtype("<i2")


class CachedReader(AudioReader):
    """An `AudioReader` that keeps what it decoded, as 16-bit samples, in a folder.

    A recording is decoded whole when it is first asked for; from then on a stretch of it is read
    from there. Files appear under their final name only when they are complete, so that
    several processes may fill one cache at once. A recording of 16 bits at the sample rate is kept
    exactly; others are rounded to 16 bits. What does not fit (samples beyond full scale, a full
    cache, of which a warning tells) is decoded each time, no more of it than is asked for.

    Args:
        sample_rate: of what is returned, Hz.
        folder: of the cache; a changed audio file (size, time of change) is decoded anew.
        max_gb: size at which the cache takes no more recordings.
        channel: see `AudioReader`.
    """

    def __init__(
        self,
        sample_rate: int,
        folder: str,
        max_gb: float = 10.0,
        channel: Literal["mean"] | int = "mean",
    ) -> None:
        super().__init__(sample_rate, channel)
        self.folder = Path(folder)
        self.max_gb = max_gb
        self.refused: set[Path] = set()
        self.full = False

    def __str__(self) -> str:
        """How recordings are read, for a log, and the size of the cache."""
        size = f"{self.size_gb():.2f} of at most {self.max_gb:g} GB"
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
        stretch = np.multiply(stretch, 1 / _FULL_SCALE, dtype=np.float32)
        return padded_to(wanted, stretch)

    def size_gb(self) -> float:
        """What the cache holds by now, in GB."""
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
        waveform = super().read(path)
        samples = np.rint(waveform * _FULL_SCALE)
        fits = samples.size and samples.min() >= -_FULL_SCALE and samples.max() < _FULL_SCALE
        if not fits:
            self.refused.add(kept)
            return False
        if self.size_gb() + samples.size * 2 / 1e9 > self.max_gb:
            self.full = True
            _log.warning(
                "the cache in %s is full at %g GB: what it does not hold is decoded for each crop; "
                "delete the folder, or raise data.reader.max_gb",
                self.folder,
                self.max_gb,
            )
            return False
        self.folder.mkdir(parents=True, exist_ok=True)
        unfinished = self.folder / f"{kept.stem}.{os.getpid()}-{threading.get_ident()}.part"
        samples.astype(_KEPT).tofile(unfinished)
        unfinished.replace(kept)
        return True


@lru_cache(maxsize=100_000)
def _name(path: Path, *changes: int | str) -> str:
    """The same for the same file and settings, wherever it is seen from."""
    said = " ".join(map(str, (path.resolve(), *changes)))
    return f"{hashlib.sha256(os.fsencode(said)).hexdigest()[:32]}.i16"
