"""Metrics of scores, and baselines that detect nothing."""

from rfcx_audio.metric.baselines import (
    band_energy,
    band_energy_scores,
    prior_scores,
    random_scores,
    shuffled,
)
from rfcx_audio.metric.lwlrap import LabelPrecision, Lwlrap, lwlrap
from rfcx_audio.metric.masked import (
    MacroAveragePrecision,
    MaskedAUROC,
    MaskedLogLoss,
    PooledAUROC,
    average_precision,
    masked_auroc,
    masked_log_loss,
    pooled_auroc,
)
from rfcx_audio.metric.metrics import Metrics
from rfcx_audio.metric.partial import known_by_recording, partial_summary
from rfcx_audio.metric.summary import compare, per_species, recording_summary, window_summary
from rfcx_audio.metric.unlabelled import UnlabelledAUROC, as_unlabelled

__all__ = [
    "LabelPrecision",
    "Lwlrap",
    "MacroAveragePrecision",
    "MaskedAUROC",
    "MaskedLogLoss",
    "Metrics",
    "PooledAUROC",
    "UnlabelledAUROC",
    "as_unlabelled",
    "average_precision",
    "band_energy",
    "band_energy_scores",
    "compare",
    "known_by_recording",
    "lwlrap",
    "masked_auroc",
    "masked_log_loss",
    "partial_summary",
    "per_species",
    "pooled_auroc",
    "prior_scores",
    "random_scores",
    "recording_summary",
    "shuffled",
    "window_summary",
]
