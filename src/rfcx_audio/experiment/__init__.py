"""Whole experiments: one run, folds, runs that build on each other."""

from rfcx_audio.experiment.folds import OUT_OF_FOLD, crossval, with_spread
from rfcx_audio.experiment.rounds import relabel, rollback_to
from rfcx_audio.experiment.run import train_run
from rfcx_audio.experiment.settle import settle

__all__ = [
    "OUT_OF_FOLD",
    "crossval",
    "relabel",
    "rollback_to",
    "settle",
    "train_run",
    "with_spread",
]
