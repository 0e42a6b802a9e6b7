"""Which clips are reviewed, how each was drawn, and what the answers tell of the rest.

`rfcx_audio.commands.queue_draw.draw_queue(config: DictConfig, store: VerdictStore) -> int` draws
the queue that the keys `queue` (a group), `scores` or `detections`, `recordings`,
`recordings_table`, `timezone` and `species` of a configuration describe, writes it into the store,
and returns its number.
"""

from rfcx_audio.queues.chance import ByChance, Places, Random, Strata
from rfcx_audio.queues.design import Design, Drawn
from rfcx_audio.queues.draw import draw
from rfcx_audio.queues.farthest import Farthest
from rfcx_audio.queues.frame import (
    Frame,
    QueueError,
    frame_of_detections,
    frame_of_scores,
    read_detections,
)
from rfcx_audio.queues.ranked import Entropy, Top, Uncertainty

__all__ = [
    "ByChance",
    "Design",
    "Drawn",
    "Entropy",
    "Farthest",
    "Frame",
    "Places",
    "QueueError",
    "Random",
    "Strata",
    "Top",
    "Uncertainty",
    "draw",
    "frame_of_detections",
    "frame_of_scores",
    "read_detections",
]
