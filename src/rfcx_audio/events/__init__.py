"""Detections: finding events in scores, and writing them for Raven, Audacity and as tables."""

from rfcx_audio.events.find import (
    EVENT_COLUMNS,
    describe_events,
    find_events,
    hysteresis,
    located,
    window_cells,
)
from rfcx_audio.events.selections import raven_table, write_audacity, write_events, write_raven

__all__ = [
    "EVENT_COLUMNS",
    "describe_events",
    "find_events",
    "hysteresis",
    "located",
    "raven_table",
    "window_cells",
    "write_audacity",
    "write_events",
    "write_raven",
]
