"""How common each species is, and in which recordings it is present."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rfcx_audio.data.synthetic.streams import generator

# RFCX's 24 species, common and rare ones alike: six of each half have an f_max below the median.
COMMONEST_FIRST = (
    *(3, 18, 12, 7, 15, 1, 11, 14, 0, 23, 4, 16),
    *(2, 8, 5, 10, 22, 9, 21, 20, 13, 17, 19, 6),
)

# Of the recordings. The floor leaves every species something to be judged by in a test of a
# hundred recordings; the rarest of the real ones are in 0.3 %.
LEAST, MOST = 0.025, 0.92

BISECTIONS = 100


def prevalence(
    species_per_recording: float, skew: float, number: int = len(COMMONEST_FIRST)
) -> NDArray[np.float64]:
    """Share of the recordings in which each species is present.

    The r-th commonest species has the share c * r ** -skew, held between `LEAST` and `MOST`, where
    c is such that a recording has `species_per_recording` species in the mean.

    Args:
        species_per_recording: between `number` times `LEAST` and `number` times `MOST`.
        skew: 0 makes all species equally common; 1.1 gives, with 3 species a recording, 0.90,
            0.42, 0.27, 0.20, ..., 0.03.
        number: of species.

    Returns:
        (number,) by species_id.
    """
    ranks = np.arange(1.0, number + 1)
    low, high = 0.0, float(number) ** (abs(skew) + 1)
    for _ in range(BISECTIONS):
        scale = 0.5 * (low + high)
        total = np.clip(scale * ranks**-skew, LEAST, MOST).sum()
        low, high = (low, scale) if total > species_per_recording else (scale, high)
    by_species = np.empty(number)
    by_species[_commonest_first(number)] = np.clip(low * ranks**-skew, LEAST, MOST)
    return by_species


def _commonest_first(number: int) -> list[int]:
    if number == len(COMMONEST_FIRST):
        return list(COMMONEST_FIRST)
    return generator(0, "commonest first", number).permutation(number).tolist()


def draw_presences(
    rng: np.random.Generator,
    shares: NDArray[np.float64],
    num_recordings: int,
    at_least: int = 0,
) -> NDArray[np.bool_]:
    """Which species is in which recording, drawn for each species on its own.

    The *number* of a species' recordings is its share of them, rounded up or down at random; which
    ones is a draw without replacement. So even a small test set has the requested prevalence.

    Returns:
        (recordings, species).
    """
    counts = np.floor(shares * num_recordings + rng.random(len(shares)))
    counts = np.maximum(counts, min(at_least, num_recordings))
    places = rng.random((num_recordings, len(shares))).argsort(axis=0).argsort(axis=0)
    return places < counts
