"""Whole experiments: one run, runs that build on each other, comparisons of runs."""

from rfcx_audio.experiment.folds import crossval, with_spread
from rfcx_audio.experiment.rounds import relabel, take_back
from rfcx_audio.experiment.run import train_run
from rfcx_audio.experiment.scoring import Scored, score_recordings
from rfcx_audio.experiment.study import Entry, Job, jobs_of, run_jobs
from rfcx_audio.experiment.study_report import answer, collect, summarise, write_report

__all__ = [
    "Entry",
    "Job",
    "Scored",
    "answer",
    "collect",
    "crossval",
    "jobs_of",
    "relabel",
    "run_jobs",
    "score_recordings",
    "summarise",
    "take_back",
    "train_run",
    "with_spread",
    "write_report",
]
