"""Numbers of samples that follow from a sample rate, for the configuration."""

from __future__ import annotations

import math

_FULL_RATE = 48_000
# The slaney scale as in `frontend.mel`, but without torch: commands that only compose a
# configuration start without it.
_LINEAR_HZ, _LINEAR_MELS = 1000.0, 15.0
_LOG_STEP = math.log(6.4) / 27
_DOUBLED = 3  # times at most


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


def fft_length(
    samples_at_48k: int,
    sample_rate: int | None,
    f_min: float | None,
    f_max: float | None,
    n_mels: int,
) -> int | None:
    """As `at_rate`, the next power of two, and long enough that each mel filter holds a bin.

    So it is longer where a wide range begins low, as at 192 kHz for insects and bats together, or
    where little is left of the range, as at 2 kHz: by a factor of 8 at most. A front end whose
    filters would still be empty refuses them.

    Args:
        samples_at_48k: at 48 kHz.
        sample_rate: Hz; None as in `at_rate`.
        f_min: Hz, where the lowest filter begins; None like the sample rate.
        f_max: Hz, where the highest ends; None like the sample rate.
        n_mels: number of filters, evenly spaced on the slaney scale.
    """
    samples = at_rate(samples_at_48k, sample_rate)
    if samples is None or sample_rate is None or f_min is None or f_max is None:
        return None
    usual = 1 << (samples - 1).bit_length()
    if not 0 <= f_min < f_max <= sample_rate / 2 or n_mels < 1:  # refused by the front end
        return usual
    low, high = _mel(f_min), _mel(f_max)
    edges = [_hz(low + (high - low) * n / (n_mels + 1)) for n in range(n_mels + 2)]
    filters = list(zip(edges, edges[2:], strict=False))
    for doubled in range(_DOUBLED + 1):
        apart = sample_rate / (usual << doubled)  # Hz between two bins
        if all((begin // apart + 1) * apart < end for begin, end in filters):
            return usual << doubled
    return usual


def _mel(hz: float) -> float:
    if hz <= _LINEAR_HZ:
        return hz / _LINEAR_HZ * _LINEAR_MELS
    return _LINEAR_MELS + math.log(hz / _LINEAR_HZ) / _LOG_STEP


def _hz(mel: float) -> float:
    if mel <= _LINEAR_MELS:
        return mel / _LINEAR_MELS * _LINEAR_HZ
    return _LINEAR_HZ * math.exp((mel - _LINEAR_MELS) * _LOG_STEP)
