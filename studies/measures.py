"""Measures of a trained model that need no complete truth, and the true metrics beside them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from scipy.stats import rankdata

from rfcx_audio.config import parse_config
from rfcx_audio.data import Annotations, complete_labels
from rfcx_audio.metric import partial_summary, recording_summary
from rfcx_audio.scores import Scores, label_keys
from studies.checkpoints import Trained, data_of
from studies.ranking import agreement

TRUTHS = {"test_lwlrap": "LWLRAP", "test_auc": "macro AUC"}
"""The true metrics of the test recordings, by column."""

KNOWN, UNLABELLED, ALONE, OTHERS, LOGGED, COMPLETE = NEEDS = (
    "known cells",
    "known presences",
    "scores alone",
    "other runs",
    "the run's log",
    "complete truth",
)
MEASURES: dict[str, tuple[str, str, int]] = {
    "auc": ("ROC-AUC of each species over known windows (`val/auc`)", KNOWN, 1),
    "auc_pooled": (
        "ROC-AUC over the known windows of all species together (`val/auc_pooled`)",
        KNOWN,
        1,
    ),
    "average_precision": ("average precision of each species over known windows", KNOWN, 1),
    "log_loss": ("log loss, half presences, half absences (`val/log_loss`)", KNOWN, -1),
    "log_loss_present": ("log loss of known presences (`val/log_loss_present`)", KNOWN, -1),
    "log_loss_absent": ("log loss of known absences (`val/log_loss_absent`)", KNOWN, -1),
    "brier": ("Brier score, half presences, half absences", KNOWN, -1),
    "accuracy": ("accuracy at 0.5, half presences, half absences", KNOWN, 1),
    "lwlrap_known": ("LWLRAP of recordings over their known cells", KNOWN, 1),
    "auc_unlabelled": (
        "ROC-AUC of each species, known presences against recordings without one "
        "(`val/auc_unlabelled`)",
        UNLABELLED,
        1,
    ),
    "auc_unlabelled_pooled": ("the same of all species together", UNLABELLED, 1),
    "lwlrap_windows": ("LWLRAP of windows with a known presence, all else absent", UNLABELLED, 1),
    "lwlrap_partial": (
        "LWLRAP of recordings, all else absent (`val/lwlrap_partial`)",
        UNLABELLED,
        1,
    ),
    "log_loss_unlabelled": ("log loss of all windows, all else absent", UNLABELLED, -1),
    "entropy": ("entropy of a recording's scores (low is good)", ALONE, -1),
    "mean_score": ("mean score of all windows (low is good)", ALONE, -1),
    "spread": ("spread of a species' log-odds over recordings", ALONE, 1),
    "agreement_seeds": ("agreement with the other seeds of the technique", OTHERS, 1),
    "agreement_others": ("agreement with the mean of all other techniques", OTHERS, 1),
    "agreement_teacher": ("agreement with a teacher, `{teacher}` of the same seed", OTHERS, 1),
    "train_loss": ("training loss at the end", LOGGED, -1),
    "logged_auc": ("`val/auc` of the few recordings that the runs validated on", LOGGED, 1),
    "logged_log_loss": ("`val/log_loss` of those", LOGGED, -1),
    "logged_lwlrap_partial": ("`val/lwlrap_partial` of those", LOGGED, 1),
    "true_lwlrap": ("true LWLRAP of the held-out recordings", COMPLETE, 1),
    "true_auc": ("true macro AUC of the held-out recordings", COMPLETE, 1),
}
"""By column: a description, what the measure needs, and the sign that makes higher better."""

_LOGGED = {
    "train_loss": "train/loss",
    "logged_auc": "val/auc",
    "logged_log_loss": "val/log_loss",
    "logged_lwlrap_partial": "val/lwlrap_partial",
}


def measure(trained: Sequence[Trained], folder: Path, teacher: str) -> pd.DataFrame:
    """All measures and the true metrics of each checkpoint.

    Args:
        trained: checkpoints whose held-out recordings are scored.
        folder: of the scores, see `Trained.scores`.
        teacher: the entry that the others are compared with.

    Returns:
        One row per checkpoint: `entry`, `seed`, `epoch` (the name of the checkpoint), `bound`
        (whether it was trained with complete truth), the columns of `TRUTHS`, and those of
        `MEASURES` with their original sign; measures that need other runs or the run's log are
        computed for the checkpoints `best` only.
    """
    data = data_of(trained[0].path)
    rows, truth = data.val_rows, data.corpus.train_truth
    assert truth is not None  # noqa: S101 (there is complete truth of the test recordings too)
    calls = {
        str(name): part.to_list() for name, part in truth.groupby("recording_id")["species_id"]
    }
    lines, scored = [], {}
    for one in trained:
        config = parse_config((one.run / "config.yaml").read_text())
        windows = Scores.read(one.scores(folder, "held_out"))
        keys, num_species = windows.keys, len(windows.species)
        annotations = Annotations(rows, complete=data.corpus.coverage)
        labels = label_keys(keys, num_species, annotations, data.crops.min_overlap)
        pooled = windows.pool(config.inference.pool)
        scored[one] = pooled.values.astype(float)
        names = pooled.recordings
        present = torch.stack(
            [complete_labels(calls.get(n, []), num_species).target for n in names]
        )
        true = recording_summary(torch.from_numpy(scored[one]), present, torch.Generator())
        place = torch.tensor(pd.Index(names).get_indexer(pd.Index(keys["recording_id"])))
        scores = windows.tensor.double()
        lines.append(
            {
                "entry": one.entry,
                "seed": one.seed,
                "epoch": one.name,
                "bound": config.data.crops.supervision == "truth",
                **_tested(one, folder, config.inference.pool, data.corpus.truth),
                **partial_summary(scores, *labels, place, torch.from_numpy(scored[one])),
                "true_lwlrap": true["lwlrap"],
                "true_auc": true["auc"],
                **(_logged(one) if one.name == "best" else {}),
            }
        )
    runs = pd.DataFrame(lines)
    if (runs["epoch"] == "best").all():
        runs = runs.assign(**_agreements(runs, [scored[one] for one in trained], teacher))
    return runs


def _tested(one: Trained, folder: Path, pool: str, truth: pd.DataFrame | None) -> dict[str, float]:
    """The true metrics of the test recordings."""
    if one.name == "best":
        metrics = json.loads((one.run / "metrics.json").read_text())
        return {name: metrics[name.replace("_", "/")] for name in TRUTHS}
    assert truth is not None  # noqa: S101 (a finished run has been tested)
    calls = {
        str(name): part.to_list() for name, part in truth.groupby("recording_id")["species_id"]
    }
    pooled = Scores.read(one.scores(folder, "test")).pool(pool)
    scores = pooled.tensor.double()
    target = [complete_labels(calls.get(n, []), scores.shape[1]).target for n in pooled.recordings]
    found = recording_summary(scores, torch.stack(target), torch.Generator())
    return {name: found[name.removeprefix("test_")] for name in TRUTHS}


def _logged(one: Trained) -> dict[str, float]:
    """The metrics that the run logged in its last epoch."""
    metrics = json.loads((one.run / "metrics.json").read_text())
    return {name: metrics[key] for name, key in _LOGGED.items()}


def _agreements(
    runs: pd.DataFrame, scored: list[np.ndarray], teacher: str
) -> dict[str, list[float]]:
    """The agreement of each run with other runs; NaN if there are none."""
    ranks = [rankdata(scores, axis=0) / len(scores) for scores in scored]
    found: dict[str, list[float]] = {f"agreement_{of}": [] for of in ("seeds", "others", "teacher")}
    for number, run in runs.iterrows():
        same, seed = runs["entry"] == run["entry"], runs["seed"] == run["seed"]
        for of, which in (
            ("seeds", same & ~seed),
            ("others", ~same & seed & ~runs["bound"]),
            ("teacher", ~same & seed & (runs["entry"] == teacher)),
        ):
            places = np.flatnonzero(which)
            mean = np.mean([ranks[place] for place in places], axis=0) if len(places) else None
            value = np.nan if mean is None else agreement(scored[int(str(number))], mean)
            found[f"agreement_{of}"].append(value)
    return found


def turned(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs with the signs of all measures set so that higher is better."""
    return runs.assign(
        **{name: runs[name] * sign for name, (_, _, sign) in MEASURES.items() if name in runs}
    )
