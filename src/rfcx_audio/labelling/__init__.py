"""From a model's scores to rows: pseudo-labels."""

from rfcx_audio.labelling.confident import Confident, confident_rows
from rfcx_audio.labelling.events import Events, FrameScores, event_rows, stitch
from rfcx_audio.labelling.found import FOUND_COLUMNS, against_truth, with_bands
from rfcx_audio.labelling.soft import Soft, mean_scores, span_scores

__all__ = [
    "FOUND_COLUMNS",
    "Confident",
    "Events",
    "FrameScores",
    "Soft",
    "against_truth",
    "confident_rows",
    "event_rows",
    "mean_scores",
    "span_scores",
    "stitch",
    "with_bands",
]
