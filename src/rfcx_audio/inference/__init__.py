"""From a checkpoint and recordings to scores, tables and pictures."""

from rfcx_audio.inference.artefact import Artefact, ArtefactError, read_artefact, save_artefact
from rfcx_audio.inference.calibrate import Calibration, cross_fitted, fit_calibration
from rfcx_audio.inference.curves import isotonic_curve, platt_curve
from rfcx_audio.inference.ensemble import (
    EnsembleError,
    JoinedScores,
    combine,
    common_settings,
    fit_weights,
    given_weights,
    join_scores,
)
from rfcx_audio.inference.events import (
    EVENT_COLUMNS,
    describe_events,
    find_events,
    hysteresis,
    window_cells,
)
from rfcx_audio.inference.export import export_graph, open_graph
from rfcx_audio.inference.graph import ExportError
from rfcx_audio.inference.known import known_cells, read_known
from rfcx_audio.inference.parity import read_windows
from rfcx_audio.inference.parts import PartError
from rfcx_audio.inference.picture import draw_recording, save_picture
from rfcx_audio.inference.prevalence import (
    Estimator,
    KnownScores,
    Prevalence,
    believed_prevalence,
    checked_prevalence,
    confusion_prevalence,
    draw_prevalence,
    em_prevalence,
    estimate_prevalence,
    implied_prior,
    known_scores,
    mean_prevalence,
    mixture_prevalence,
    surety,
)
from rfcx_audio.inference.prior import (
    prior_correction,
    prior_metadata,
    read_prior,
)
from rfcx_audio.inference.recogniser import (
    CONFIG_KEY,
    CheckpointError,
    Recogniser,
    load_recogniser,
    read_checkpoint,
    read_trained,
)
from rfcx_audio.inference.reliability import (
    calibration_error,
    calibration_table,
    draw_reliability,
    known_log_loss,
    reliability_bins,
)
from rfcx_audio.inference.selections import (
    raven_table,
    write_audacity,
    write_events,
    write_raven,
)
from rfcx_audio.inference.table import (
    pool_table,
    read_scores,
    score_table,
    species_columns,
    submission,
    write_scores,
)
from rfcx_audio.inference.threshold import Goal, best_threshold, thresholds
from rfcx_audio.inference.tta import View, views
from rfcx_audio.inference.whole_files import write_atomically
from rfcx_audio.inference.windows import (
    Pool,
    SlidingWindows,
    moving_average,
    pool_recordings,
    pool_windows,
)

__all__ = [
    "CONFIG_KEY",
    "EVENT_COLUMNS",
    "Artefact",
    "ArtefactError",
    "Calibration",
    "CheckpointError",
    "EnsembleError",
    "Estimator",
    "ExportError",
    "Goal",
    "JoinedScores",
    "KnownScores",
    "PartError",
    "Pool",
    "Prevalence",
    "Recogniser",
    "SlidingWindows",
    "View",
    "believed_prevalence",
    "best_threshold",
    "calibration_error",
    "calibration_table",
    "checked_prevalence",
    "combine",
    "common_settings",
    "confusion_prevalence",
    "cross_fitted",
    "describe_events",
    "draw_prevalence",
    "draw_recording",
    "draw_reliability",
    "em_prevalence",
    "estimate_prevalence",
    "export_graph",
    "find_events",
    "fit_calibration",
    "fit_weights",
    "given_weights",
    "hysteresis",
    "implied_prior",
    "isotonic_curve",
    "join_scores",
    "known_cells",
    "known_log_loss",
    "known_scores",
    "load_recogniser",
    "mean_prevalence",
    "mixture_prevalence",
    "moving_average",
    "open_graph",
    "platt_curve",
    "pool_recordings",
    "pool_table",
    "pool_windows",
    "prior_correction",
    "prior_metadata",
    "raven_table",
    "read_artefact",
    "read_checkpoint",
    "read_known",
    "read_prior",
    "read_scores",
    "read_trained",
    "read_windows",
    "reliability_bins",
    "save_artefact",
    "save_picture",
    "score_table",
    "species_columns",
    "submission",
    "surety",
    "thresholds",
    "views",
    "window_cells",
    "write_atomically",
    "write_audacity",
    "write_events",
    "write_raven",
    "write_scores",
]
