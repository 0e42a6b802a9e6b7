"""Labels of scored windows and recordings; the names of the key columns."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from rfcx_audio.batch import Labels
from rfcx_audio.data import (
    Annotations,
    few,
    label_recording,
    label_windows,
    rows_of,
    warn_of_contradictions,
)

_log = logging.getLogger(__name__)

WINDOW = ("recording_id", "t_min", "t_max")
"""The key columns of a table of window scores; no other module lists them."""

RECORDING = WINDOW[:1]
"""The key column of a table of recording scores."""


def check_names(species: Sequence[str]) -> None:
    """Checks that species can be columns of a table of scores.

    Raises:
        ValueError: one has the name of a key column, or two have the same.
    """
    for name, count in Counter(species).items():
        if name in WINDOW or count > 1:
            raise ValueError(
                f"a species cannot be called {name!r}: tables of scores have another column of "
                "that name; rename it in the tables, or in species.csv"
            )


def label_keys(
    keys: pd.DataFrame,
    num_species: int,
    annotations: Annotations,
    min_overlap: float,
    durations_s: Mapping[str, float] | None = None,
) -> Labels:
    """The labels of windows, or of recordings.

    Args:
        keys: the columns of `WINDOW` (times in s), or those of `RECORDING`.
        num_species: width of the labels.
        annotations: where they are complete, a species without a row is absent.
        min_overlap: for windows, see `label_windows`.
        durations_s: of recordings by id, where spans with an end may cover them whole.

    Returns:
        (rows, species) labels; unknown where the annotations state nothing. `known` of an absence
        in a window is the share that rows cover, over its mean for the species: with the shares
        themselves, most false alarms would be missing from precision and calibration.

    Raises:
        ValueError: windows are to be labelled, and a row of the annotations has no times.
    """
    rows, complete = annotations.rows, annotations.complete
    windows = tuple(keys) == WINDOW
    if windows and rows[["t_min", "t_max"]].isna().to_numpy().any():
        raise ValueError(
            f"{rows['source'].iloc[0]} names no times (t_min, t_max), which labelling windows needs"
        )
    by_recording = {str(name): part for name, part in rows.groupby("recording_id")}
    labels = Labels(*torch.zeros(2, len(keys), num_species))
    for key, places in keys.groupby(RECORDING[0]).indices.items():
        name = str(key)
        if name not in by_recording and not complete.of(name):
            continue
        own = rows_of(by_recording.get(name, rows.iloc[:0]))
        if windows:
            times = keys.iloc[places][list(WINDOW[1:])].to_numpy(dtype="float64", copy=True)
            starts, stops = torch.from_numpy(times).T
            where = complete.windows(name, starts, stops, num_species)
            duration_s = float(stops[0] - starts[0])
            found = label_windows(own, starts, duration_s, num_species, min_overlap, where)
        else:
            duration_s = (durations_s or {}).get(name, np.inf)
            whole = complete.whole(name, duration_s, num_species)
            found = label_recording(own, num_species, whole)
        for all_labels, part in zip(labels, found, strict=True):
            all_labels[torch.from_numpy(places)] = part
    return Labels(labels.target, _evened(labels)) if windows else labels


def _evened(labels: Labels) -> Tensor:
    """`known`, with a mean of 1 over the known absences of each species."""
    absent = (labels.known > 0) & (labels.target < 0.5)
    mean = torch.where(absent, labels.known, 0).sum(0) / absent.sum(0)
    return torch.where(absent, labels.known / mean, labels.known)


def check_labels(recordings: list[str], annotations: Annotations) -> list[str]:
    """Counts in the log what is lost between scores and annotations.

    That is: recordings of the annotations without scores, scored ones that the annotations do not
    cover, and rows that contradict each other. Where the annotations have a column `split`, splits
    without any score are passed over.

    Args:
        recordings: ids of those with scores.
        annotations: for them.

    Returns:
        The scored recordings that the annotations cover.

    Raises:
        ValueError: no recording has both scores and annotations.
    """
    rows, complete = annotations.rows, annotations.complete
    if "split" in rows:
        splits = rows.loc[rows["recording_id"].isin(recordings), "split"].unique()
        annotations = annotations._replace(rows=rows[rows["split"].isin(splits)])
    annotated, scored = set(annotations.recordings), set(recordings)
    declared = [one for one in complete.names if one != "*"]
    missed = set(complete.missed(recordings))
    if not annotated & scored and not set(declared) - missed:
        raise ValueError(
            f"no recording has both scores and annotations; scored are {len(scored)} "
            f"({few(sorted(scored))}), annotated {len({*annotated, *declared})} "
            f"({few(sorted({*annotated, *declared}))}): check the recording ids"
        )
    unscored = sorted((annotated - scored) | missed)
    if unscored:
        _log.warning(
            "%d recordings of the labels have no scores, the first %r: they are left out of all "
            "numbers; score them too",
            *(len(unscored), unscored[0]),
        )
    silent = [name for name in sorted(recordings) if name not in annotated]
    assumed = [name for name in silent if {"*"} == {one.recording for one in complete.of(name)}]
    if assumed:
        _log.warning(
            "%d of %d scored recordings have no call, the first %r: they count as holding no "
            "species; if the labels do not cover them, name those that they cover in complete=…",
            *(len(assumed), len(recordings), assumed[0]),
        )
    uncovered = {name for name in silent if not complete.of(name)}
    if uncovered:
        _log.warning(
            "%d of %d scored recordings are not covered by the labels, the first %r: they are left "
            "out",
            *(len(uncovered), len(recordings), min(uncovered)),
        )
    warn_of_contradictions(annotations.rows)
    return [name for name in recordings if name not in uncovered]


def as_arrays(scores: Tensor, labels: Labels) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(rows, species) each: scores (float64), presence (bool), and weight of the label."""
    if not scores.shape == labels.target.shape == labels.known.shape or scores.ndim != 2:
        shapes = [tuple(part.shape) for part in (scores, *labels)]
        raise ValueError(f"scores, target and known are {shapes}; expected (rows, species) thrice")
    weight = labels.known.double().numpy()
    values = scores.double().numpy()
    if not ((values >= 0) & (values <= 1) | (weight == 0)).all():
        raise ValueError("a known cell has a score that is no probability; apply a sigmoid first")
    return values, (labels.target >= 0.5).numpy(), weight
