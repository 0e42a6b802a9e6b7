"""From a checkpoint and recordings to scores, tables and pictures."""

from rfcx_audio.inference.picture import draw_recording, save_picture
from rfcx_audio.inference.recogniser import (
    CONFIG_KEY,
    CheckpointError,
    Recogniser,
    load_recogniser,
    read_checkpoint,
)
from rfcx_audio.inference.table import (
    pool_table,
    read_scores,
    score_table,
    species_columns,
    submission,
    write_scores,
)
from rfcx_audio.inference.windows import Pool, SlidingWindows, pool_windows

__all__ = [
    "CONFIG_KEY",
    "CheckpointError",
    "Pool",
    "Recogniser",
    "SlidingWindows",
    "draw_recording",
    "load_recogniser",
    "pool_table",
    "pool_windows",
    "read_checkpoint",
    "read_scores",
    "save_picture",
    "score_table",
    "species_columns",
    "submission",
    "write_scores",
]
