"""Detections: finding events in scores, their clock times, and writing them for other programs."""

from rfcx_audio.events.birdnet import birdnet_selections, birdnet_table
from rfcx_audio.events.clock import (
    CLOCK_COLUMNS,
    by_site,
    rates_by_site,
    with_clock_times,
    zone_name,
)
from rfcx_audio.events.find import (
    EVENT_COLUMNS,
    below_nyquist,
    describe_events,
    find_events,
    hysteresis,
    located,
    window_cells,
)
from rfcx_audio.events.hours_picture import draw_calls_by_hour
from rfcx_audio.events.kaleidoscope import kaleidoscope_table
from rfcx_audio.events.labels import LABEL_FORMATS, write_labels
from rfcx_audio.events.selections import (
    FORMATS,
    check_formats,
    raven_table,
    write_audacity,
    write_birdnet,
    write_events,
    write_raven,
)

__all__ = [
    "CLOCK_COLUMNS",
    "EVENT_COLUMNS",
    "FORMATS",
    "LABEL_FORMATS",
    "below_nyquist",
    "birdnet_selections",
    "birdnet_table",
    "by_site",
    "check_formats",
    "describe_events",
    "draw_calls_by_hour",
    "find_events",
    "hysteresis",
    "kaleidoscope_table",
    "located",
    "rates_by_site",
    "raven_table",
    "window_cells",
    "with_clock_times",
    "write_audacity",
    "write_birdnet",
    "write_events",
    "write_labels",
    "write_raven",
    "zone_name",
]
