"""Learning methods: LightningModules that hold the schedule of training."""

from rfcx_audio.method.check import check_shapes, check_steps
from rfcx_audio.method.checkpoint_io import WholeCheckpoints
from rfcx_audio.method.co_teaching import CoTeaching, remember_rate
from rfcx_audio.method.frequency_filtering import FrequencyFiltering
from rfcx_audio.method.schedule import constant, warmup_cosine
from rfcx_audio.method.supervised import Supervised
from rfcx_audio.method.trainer import build_trainer

__all__ = [
    "CoTeaching",
    "FrequencyFiltering",
    "Supervised",
    "WholeCheckpoints",
    "build_trainer",
    "check_shapes",
    "check_steps",
    "constant",
    "remember_rate",
    "warmup_cosine",
]
