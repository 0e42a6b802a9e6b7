"""The sample rate and the frequency range that a data set asks for, and what lies outside of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from rfcx_audio.data.audio import AudioInfo
from rfcx_audio.data.rows import AnnotationError, few

_USUAL_RATE = 48_000
_RATES = (96_000, 192_000, 256_000, 384_000, 500_000)
_USUAL_HZ = (60.0, 15_000.0)
_ULTRASOUND_HZ = 10_000.0  # rows that all lie above it need nothing of what is below
_MARGIN = 1.5, 1.1  # below the lowest row, above the highest
_OUTSIDE = 0.5  # a row of which less than this share of the band is covered is as good as lost


class FrequencyRange(NamedTuple):
    """What is read and computed of recordings.

    Attributes:
        sample_rate: Hz.
        f_min: Hz, of the front end.
        f_max: Hz, of the front end.
    """

    sample_rate: int
    f_min: float
    f_max: float


def frequency_range(
    templates: pd.DataFrame, infos: Mapping[str, AudioInfo], sample_rate: int | None = None
) -> FrequencyRange:
    """60 Hz to 15 kHz at 48 kHz, unless the species or the recordings need something else.

    The range is widened to the templates; where all of them lie above 10 kHz, as those of bats do,
    it begins below the lowest. The sample rate is the usual 48 kHz or what the recordings have at
    most, whichever is lower; for ultrasound it is the lowest usual rate that holds it.

    Args:
        templates: `f_min` and `f_max` (Hz) of the species; may be empty.
        infos: of the recordings, at least one.
        sample_rate: Hz, if it is given.
    """
    f_min, f_max = _USUAL_HZ
    if len(templates):
        lowest, highest = float(templates["f_min"].min()), float(templates["f_max"].max())
        below = _rounded(lowest / _MARGIN[0])
        f_min = below if lowest > _ULTRASOUND_HZ else max(1.0, min(f_min, below))
        f_max = max(f_max, _rounded(highest * _MARGIN[1]))
    if sample_rate is None:
        native = max(info.sample_rate for info in infos.values())
        sample_rate = min(_USUAL_RATE, native)
        if 2 * f_max > sample_rate < native:
            sample_rate = next((rate for rate in _RATES if 2 * f_max <= rate <= native), native)
    return FrequencyRange(sample_rate, f_min, min(f_max, sample_rate / 2))


def _rounded(hz: float) -> float:
    """A frequency with two significant digits."""
    return float(f"{hz:.1e}")


def check_range(
    rows: pd.DataFrame,
    infos: Mapping[str, AudioInfo],
    found: FrequencyRange,
    names: Sequence[str],
) -> list[str]:
    """What of the rows is lost outside of a range, or in recordings that do not reach as high.

    Args:
        rows: with audio; a row with `whole_band` true states no frequencies.
        infos: of their recordings.
        found: what is read and computed.
        names: of the species.

    Returns:
        Lines of warnings.

    Raises:
        AnnotationError: of no row enough is left.
    """
    stated = rows[~rows["whole_band"].astype(bool)] if "whole_band" in rows else rows
    nyquist = {name: info.sample_rate / 2 for name, info in infos.items()}
    top = stated["recording_id"].map(nyquist)
    top = top.clip(upper=min(found.f_max, found.sample_rate / 2)).astype(float)
    inside = (stated["f_max"].clip(upper=top) - stated["f_min"].clip(lower=found.f_min)).clip(0)
    lost = inside < _OUTSIDE * (stated["f_max"] - stated["f_min"])
    where = (
        f"the {found.f_min:g} to {found.f_max:g} Hz that are computed at "
        f"{found.sample_rate} Hz (frontend, data.sample_rate), or above what their recordings hold"
    )
    if len(lost) and lost.all():
        raise AnnotationError(
            f"all {len(lost)} rows lie mostly outside {where}: nothing of the calls would be left; "
            "leave data.sample_rate, data.f_min and data.f_max unset, so that they follow the "
            "rows, or give recordings with a higher sample rate"
        )
    lines = []
    if lost.any():
        whole = lost.groupby(stated["species_id"]).all()
        gone = [names[int(number)] for number in whole.index[whole]]
        lines.append(
            f"{int(lost.sum())} of {len(rows)} rows lie mostly outside {where}"
            + (f"; all of {few(gone)}" if gone else "")
        )
    short = Counter(
        info.sample_rate for info in infos.values() if info.sample_rate < 2 * found.f_max
    )
    if short:
        rates = ", ".join(f"{count} of {rate} Hz" for rate, count in sorted(short.items()))
        lines.append(
            f"recordings hold no sound above half their sample rate, the front end reaches "
            f"{found.f_max:g} Hz: {rates}"
        )
    return lines
