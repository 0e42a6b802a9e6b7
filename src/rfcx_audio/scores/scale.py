"""What kind of numbers scores are, by their metadata."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

RAW, CALIBRATED, CORRECTED = "raw", "calibrated", "corrected to a prior"
SCALES = (RAW, CALIBRATED, CORRECTED)
"""From the scores of a network to those that most was done to."""


def scale_of(metadata: Mapping[str, Any]) -> str:
    """The scale of scores, one of `SCALES`; of an ensemble, that of its members.

    >>> scale_of({"members": [{"made_with": {"calibration": {}}}]})
    'calibrated'

    Args:
        metadata: of a table of scores.
    """
    own = RAW
    if "calibration" in metadata:
        own = CALIBRATED
    if "prior_correction" in metadata:
        own = CORRECTED
    members = [scale_of(one["made_with"]) for one in metadata.get("members", [])]
    return max([own, *members], key=SCALES.index)
