"""Numbers of samples that last as long at any sample rate, for the configuration."""

from __future__ import annotations

_FULL_RATE = 48_000


def at_rate(samples_at_48k: int, sample_rate: int | None) -> int | None:
    """The number of samples at a lower rate that lasts as long; the same number at a higher one.

    Args:
        samples_at_48k: at 48 kHz.
        sample_rate: Hz; None while it is still to be taken from the recordings.

    Returns:
        None without a sample rate.
    """
    if sample_rate is None:
        return None
    return round(samples_at_48k * min(1.0, sample_rate / _FULL_RATE))


def fft_length(samples_at_48k: int, sample_rate: int | None) -> int | None:
    """As `at_rate`, the next power of two, which is even and fast to transform."""
    samples = at_rate(samples_at_48k, sample_rate)
    return None if samples is None else 1 << (samples - 1).bit_length()
