"""Tables of scores: pooling, joining, labelling, calibration, prevalence. No network is needed."""

from rfcx_audio.scores.calibrate import (
    Calibration,
    SpeciesFit,
    check_raw,
    cross_fitted,
    fit_calibration,
)
from rfcx_audio.scores.curves import (
    IsotonicCurve,
    PlattCurve,
    isotonic_curve,
    platt_curve,
)
from rfcx_audio.scores.distribution_picture import draw_distributions
from rfcx_audio.scores.ensemble import (
    combine,
    common_settings,
    fit_weights,
    given_weights,
)
from rfcx_audio.scores.evaluate import (
    Evaluation,
    evaluate,
)
from rfcx_audio.scores.join import (
    EnsembleError,
    JoinedScores,
    join,
)
from rfcx_audio.scores.known import (
    RECORDING,
    WINDOW,
    check_labels,
    check_names,
    label_keys,
)
from rfcx_audio.scores.known_scores import KnownScores, known_beside, known_scores
from rfcx_audio.scores.leak import SEEN, check_unseen, leaked_recordings
from rfcx_audio.scores.pool import (
    Pool,
    by_recording,
    check_pool,
    moving_average,
    pool_recordings,
    pool_windows,
)
from rfcx_audio.scores.precision_recall import (
    precision_recall,
    taken_for,
)
from rfcx_audio.scores.prevalence import (
    Beliefs,
    Prevalence,
    balanced_scores,
    estimate_prevalence,
    mean_prevalence,
    uncertain_species,
)
from rfcx_audio.scores.prevalence_picture import draw_prevalence
from rfcx_audio.scores.prior import (
    implied_prior,
    prior_correction,
    prior_metadata,
    read_prior,
)
from rfcx_audio.scores.reliability import (
    calibration_error,
    calibration_table,
    draw_reliability,
    known_log_loss,
    reliability_bins,
)
from rfcx_audio.scores.reviewed_windows import ReviewedWindows
from rfcx_audio.scores.scale import CALIBRATED, CORRECTED, RAW, SCALES, scale_of
from rfcx_audio.scores.scores import (
    Scores,
    species_columns,
)
from rfcx_audio.scores.species_tables import read_by_species
from rfcx_audio.scores.threshold import (
    Goal,
    best_threshold,
    read_thresholds,
    thresholds,
)
from rfcx_audio.scores.unlabelled_prevalence import unlabelled_prevalence

__all__ = [
    "CALIBRATED",
    "CORRECTED",
    "RAW",
    "RECORDING",
    "SCALES",
    "SEEN",
    "WINDOW",
    "Beliefs",
    "Calibration",
    "EnsembleError",
    "Evaluation",
    "Goal",
    "IsotonicCurve",
    "JoinedScores",
    "KnownScores",
    "PlattCurve",
    "Pool",
    "Prevalence",
    "ReviewedWindows",
    "Scores",
    "SpeciesFit",
    "balanced_scores",
    "best_threshold",
    "by_recording",
    "calibration_error",
    "calibration_table",
    "check_labels",
    "check_names",
    "check_pool",
    "check_raw",
    "check_unseen",
    "combine",
    "common_settings",
    "cross_fitted",
    "draw_distributions",
    "draw_prevalence",
    "draw_reliability",
    "estimate_prevalence",
    "evaluate",
    "fit_calibration",
    "fit_weights",
    "given_weights",
    "implied_prior",
    "isotonic_curve",
    "join",
    "known_beside",
    "known_log_loss",
    "known_scores",
    "label_keys",
    "leaked_recordings",
    "mean_prevalence",
    "moving_average",
    "platt_curve",
    "pool_recordings",
    "pool_windows",
    "precision_recall",
    "prior_correction",
    "prior_metadata",
    "read_by_species",
    "read_prior",
    "read_thresholds",
    "reliability_bins",
    "scale_of",
    "species_columns",
    "taken_for",
    "thresholds",
    "uncertain_species",
    "unlabelled_prevalence",
]
