"""Whole experiments: one run, runs that build on each other, comparisons of runs."""

from rfcx_audio.experiment.curves import (
    BASE,
    Level,
    by_level,
    entries_by_level,
    read_levels,
    write_curves,
)
from rfcx_audio.experiment.folds import crossval, with_spread
from rfcx_audio.experiment.held_out import Trained, best_of, epochs_of, score_runs
from rfcx_audio.experiment.measures import measure
from rfcx_audio.experiment.rounds import relabel, take_back
from rfcx_audio.experiment.run import train_run
from rfcx_audio.experiment.scoring import Scored, score_recordings
from rfcx_audio.experiment.selection_report import write_selection
from rfcx_audio.experiment.study import Entry, Job, jobs_of, run_jobs
from rfcx_audio.experiment.study_report import answer, collect, summarise, write_report

__all__ = [
    "BASE",
    "Entry",
    "Job",
    "Level",
    "Scored",
    "Trained",
    "answer",
    "best_of",
    "by_level",
    "collect",
    "crossval",
    "entries_by_level",
    "epochs_of",
    "jobs_of",
    "measure",
    "read_levels",
    "relabel",
    "run_jobs",
    "score_recordings",
    "score_runs",
    "summarise",
    "take_back",
    "train_run",
    "with_spread",
    "write_curves",
    "write_report",
    "write_selection",
]
