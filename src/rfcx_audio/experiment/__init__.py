"""Whole experiments: one run, folds, runs that build on each other."""

from rfcx_audio.experiment.folds import crossval, with_spread
from rfcx_audio.experiment.rounds import relabel, take_back
from rfcx_audio.experiment.run import train_run

__all__ = [
    "crossval",
    "relabel",
    "take_back",
    "train_run",
    "with_spread",
]
