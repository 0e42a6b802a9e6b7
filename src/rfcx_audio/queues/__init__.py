"""Which clips are reviewed, how each was drawn, and what the answers tell of the rest.

`rfcx_audio.commands.queue_draw.draw_queue(config: DictConfig, store: VerdictStore) -> int` draws
the queue that the keys `queue` (a group), `scores` or `detections`, `recordings`,
`recordings_table`, `timezone` and `species` of a configuration describe, writes it into the store,
and returns its number.
"""

from rfcx_audio.queues.answers_picture import draw_answers
from rfcx_audio.queues.chance import ByChance, Places, Random, Strata
from rfcx_audio.queues.design import Design, Drawn
from rfcx_audio.queues.draw import draw, lacks_labelled
from rfcx_audio.queues.estimates import ALL, density
from rfcx_audio.queues.farthest import Farthest
from rfcx_audio.queues.frame import (
    Frame,
    QueueError,
    fingerprint_of_recordings,
    frame_of_detections,
    frame_of_scores,
    read_detections,
)
from rfcx_audio.queues.intervals import (
    Counts,
    Share,
    counts_behind,
    share_of,
)
from rfcx_audio.queues.needed import needed_verdicts
from rfcx_audio.queues.precision import (
    comparable,
    precision_at,
    precision_table,
    threshold_table,
)
from rfcx_audio.queues.ranked import Entropy, Top, Uncertainty
from rfcx_audio.queues.recall import recall_of
from rfcx_audio.queues.sample import Sample, read_sample

__all__ = [
    "ALL",
    "ByChance",
    "Counts",
    "Design",
    "Drawn",
    "Entropy",
    "Farthest",
    "Frame",
    "Places",
    "QueueError",
    "Random",
    "Sample",
    "Share",
    "Strata",
    "Top",
    "Uncertainty",
    "comparable",
    "counts_behind",
    "density",
    "draw",
    "draw_answers",
    "fingerprint_of_recordings",
    "frame_of_detections",
    "frame_of_scores",
    "lacks_labelled",
    "needed_verdicts",
    "precision_at",
    "precision_table",
    "read_detections",
    "read_sample",
    "recall_of",
    "share_of",
    "threshold_table",
]
