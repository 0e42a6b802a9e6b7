"""What watches a run and writes down what it sees."""

from rfcx_audio.callbacks.batch_seed import BatchSeed
from rfcx_audio.callbacks.best import BestCheckpoint
from rfcx_audio.callbacks.crops_seen import CropsSeen
from rfcx_audio.callbacks.log_interval import LogInterval
from rfcx_audio.callbacks.progress import Progress
from rfcx_audio.callbacks.report import Report, draw_curves
from rfcx_audio.callbacks.seconds import Seconds
from rfcx_audio.callbacks.stamp import Stamp
from rfcx_audio.callbacks.tables import Comparison, TestTable, compare_runs

__all__ = [
    "BatchSeed",
    "BestCheckpoint",
    "Comparison",
    "CropsSeen",
    "LogInterval",
    "Progress",
    "Report",
    "Seconds",
    "Stamp",
    "TestTable",
    "compare_runs",
    "draw_curves",
]
