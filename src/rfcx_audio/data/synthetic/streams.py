"""Independent random streams, one for each purpose and each recording."""

from __future__ import annotations

from zlib import crc32

import numpy as np


def generator(seed: int, purpose: str, *index: int) -> np.random.Generator:
    """The generator of one purpose: the same whatever else was drawn, in whatever process."""
    key = (crc32(purpose.encode()), *index)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=key)))
