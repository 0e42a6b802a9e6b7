"""Pseudo-labels, method 1: windows that a teacher scores with confidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from rfcx_audio.labelling.events import FrameScores
from rfcx_audio.labelling.found import in_order
from rfcx_audio.scores import Scores

_KEY = ["recording_id", "species_id"]


def confident_rows(
    scores: Scores,
    threshold: float = 0.9,
    absent_below: float | None = None,
    weight: float = 0.5,
    max_per_species: int | None = None,
) -> pd.DataFrame:
    """One row for each window whose score exceeds a threshold, and no two that overlap.

    Where overlapping windows of a recording exceed it for a species, the best one stays, then the
    best of those that do not overlap it, and so on.

    Args:
        scores: of windows, in [0, 1].
        threshold: in (0, 1), above which a species is present.
        absent_below: below which it is absent; None: nothing is labelled absent.
        weight: of every row, in (0, 1].
        max_per_species: the most present and the most absent rows of a species, the most confident
            first; None for all.

    Returns:
        The columns of `FOUND_COLUMNS`, by recording, time and species.

    Source: Zhong et al. (2020), doi:10.1016/j.apacoust.2020.107375, who label recordings where
    these are windows, and give the labels full weight.
    """
    values = scores.values  # (windows, species)
    found = [_best_apart(_cells(scores, values > threshold, present=True))]
    if absent_below is not None:
        found.append(_best_apart(_cells(scores, values < absent_below, present=False)))
    if max_per_species is not None:
        found = [table.groupby("species_id").head(max_per_species) for table in found]
    return in_order(pd.concat(found).assign(weight=weight))


@dataclass(frozen=True)
class Confident:
    """`confident_rows` with its settings.

    Attributes:
        threshold: above which a species is present.
        absent_below: below which it is absent; None, for negative pseudo-labels have failed
            repeatedly.
        weight: of a row.
        max_per_species: of one teacher; None for all.
    """

    threshold: float = 0.9
    absent_below: float | None = None
    weight: float = 0.5
    max_per_species: int | None = None

    needs_frames: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Raises ValueError where thresholds or weight are out of range."""
        low = 0.0 if self.absent_below is None else self.absent_below
        if not 0 <= low < self.threshold < 1 or not 0 < self.weight <= 1:
            raise ValueError(
                "expected 0 <= absent_below < threshold < 1 and 0 < weight <= 1, got "
                f"{self.absent_below}, {self.threshold} and {self.weight}"
            )

    def __call__(self, scores: Scores, frames: Mapping[str, FrameScores]) -> pd.DataFrame:  # noqa: ARG002
        """The rows that window scores give; frames are not looked at."""
        return confident_rows(
            scores, self.threshold, self.absent_below, self.weight, self.max_per_species
        )


def _cells(scores: Scores, chosen: np.ndarray, present: bool) -> pd.DataFrame:
    """The chosen cells as rows, the most confident first."""
    window, species = np.nonzero(chosen)
    cells = scores.keys.iloc[window].reset_index(drop=True)
    cells = cells.assign(species_id=species, present=present, score=scores.values[window, species])
    confidence = cells["score"] if present else -cells["score"]
    return cells.iloc[np.argsort(-confidence.to_numpy(), kind="stable")]


def _best_apart(cells: pd.DataFrame) -> pd.DataFrame:
    """Greedy non-maximum suppression of rows in the order of confidence, which stays."""
    left, kept = cells.assign(place=np.arange(len(cells))), [np.empty(0, dtype=int)]
    while len(left):  # once for each row that stays in the fullest recording
        best = left.drop_duplicates(_KEY)
        kept.append(best["place"].to_numpy())
        pairs = left.merge(best[[*_KEY, "t_min", "t_max"]], on=_KEY, suffixes=("", "_best"))
        apart = (pairs["t_min"] >= pairs["t_max_best"]) | (pairs["t_max"] <= pairs["t_min_best"])
        left = pairs.loc[apart, list(left.columns)]
    return cells.iloc[np.sort(np.concatenate(kept))]
