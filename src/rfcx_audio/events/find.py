"""Finding events, with start and end times, in scores over time."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import numpy as np
import pandas as pd

from rfcx_audio.data import FrameScores, RecordingInfo, spans, species_bands, stitch
from rfcx_audio.scores import Scores

_log = logging.getLogger(__name__)

EVENT_COLUMNS = (
    "recording_id",
    "species",
    "species_id",
    "songtype_id",
    "t_min",
    "t_max",
    "f_min",
    "f_max",
    "score",
)
"""The columns of a table of events: times in s, frequencies in Hz, `species` is the name."""

_DECIMALS_S = 6
_FOUND = ("recording_id", "species_id", "t_min", "t_max", "score")


def hysteresis(scores: np.ndarray, high: float | np.ndarray, low: float | np.ndarray) -> np.ndarray:
    """Marks the cells of events: runs above `low` in which at least one cell is above `high`.

    Args:
        scores: (cells, species), in the order of time.
        high: one threshold for all species, or (species,).
        low: the same, at most `high`.

    Returns:
        (cells, species) bool.

    Source: hysteresis thresholding, Canny (1986), doi:10.1109/TPAMI.1986.4767851, along one axis.
    """
    above = scores > low
    begins = above & ~np.pad(above, ((1, 0), (0, 0)))[:-1]
    run = begins.T.ravel().cumsum().reshape(scores.shape[::-1]).T  # number of the run, from 1
    strong = np.bincount(run[above & (scores > high)], minlength=run.max(initial=0) + 1) > 0
    return above & strong[run]


def window_cells(
    t_min: np.ndarray, t_max: np.ndarray, scores: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Splits overlapping windows into consecutive cells, each with its highest window score.

    Args:
        t_min: (windows,) s.
        t_max: (windows,) s.
        scores: (windows, species).

    Returns:
        (cells + 1,) edges in s, where windows begin or end, and (cells, species) scores; 0 in
        cells without a window.
    """
    begin, end = np.round(t_min, _DECIMALS_S), np.round(t_max, _DECIMALS_S)
    edges_s = np.unique(np.concatenate([begin, end]))
    first, last = np.searchsorted(edges_s, begin), np.searchsorted(edges_s, end)
    window = np.repeat(np.arange(len(begin)), last - first)
    cell = np.concatenate([np.arange(a, b) for a, b in zip(first, last, strict=True)])
    highest = np.zeros((len(edges_s) - 1, scores.shape[1]))
    np.maximum.at(highest, cell, scores[window])
    return edges_s, highest


def located(windows: np.ndarray, frames: FrameScores) -> np.ndarray:
    """The scores of windows, at the frames that they come from.

    A window's highest frame takes the window's score, and its other frames their share of that. So
    a threshold for windows holds for events as well, of raw scores and of calibrated ones.

    Args:
        windows: (windows, species) in [0, 1].
        frames: of the same windows.

    Returns:
        (frames, species), the highest of the windows over each frame.
    """
    peak = frames.scores.max(1, keepdims=True)
    share = np.divide(frames.scores, peak, out=np.zeros_like(frames.scores), where=peak > 0)
    return stitch(frames._replace(scores=share * windows[:, None]), "max")


def find_events(
    scores: Scores,
    frames: Mapping[str, FrameScores],
    high: float | np.ndarray = 0.5,
    low: float | np.ndarray = 0.3,
    merge_gap_s: float = 0.5,
    min_duration_s: float = 0.2,
) -> pd.DataFrame:
    """The events of all recordings: where windows score high, and if there are frames, where there.

    Args:
        scores: of windows, in [0, 1].
        frames: frame scores of the same windows, by recording, see `located`.
        high: at least one cell of an event is above it; for all species, or (species,), infinite
            for a species that is not to be found.
        low: all cells of an event are above it; the same.
        merge_gap_s: events of a species with a shorter gap, or this one, are merged.
        min_duration_s: events that are shorter after merging are dropped.

    Returns:
        `recording_id`, `species_id`, `t_min`, `t_max`, `score` (the highest of the event), sorted
        by recording, time and species.

    Raises:
        ValueError: a setting is out of range.
    """
    lows, highs = np.asarray(low), np.asarray(high)
    if not ((lows >= 0) & (lows <= highs) & ((highs < 1) | np.isinf(highs))).all():
        raise ValueError(f"low = {low} and high = {high}; expected 0 <= low <= high < 1")
    if merge_gap_s < 0 or min_duration_s < 0:
        raise ValueError(
            f"merge_gap_s = {merge_gap_s} and min_duration_s = {min_duration_s}: neither can be "
            "negative"
        )
    found = []
    for name, places in scores.places.items():
        of_frames = frames.get(name)
        if of_frames is None:
            windows = scores.keys.iloc[places]
            begin, end = windows["t_min"].to_numpy(), windows["t_max"].to_numpy()
            edges_s, values = window_cells(begin, end, scores.values[places])
        else:
            edges_s, values = of_frames.edges_s, located(scores.values[places], of_frames)
        active = hysteresis(values, high, low)
        events = spans(active, values, edges_s, merge_gap_s, min_duration_s)
        found.append(events.assign(recording_id=name))
    if not found:
        return pd.DataFrame(columns=list(_FOUND))
    return pd.concat(found)[list(_FOUND)].sort_values(
        ["recording_id", "t_min", "species_id"], kind="stable", ignore_index=True
    )


def describe_events(
    found: pd.DataFrame, rows: pd.DataFrame, names: Mapping[int, str], f_max: float
) -> pd.DataFrame:
    """Events with the name, frequency band and song type of their species.

    Args:
        found: as `find_events` returns them.
        rows: of annotations or templates; the band of a species is the union of its boxes, its
            song type the most common one.
        names: by species; without a name, a species is called `s0`, `s1`, … as in scores.
        f_max: Hz; the band of a species without rows is 0 to `f_max`, its song type 1.

    Returns:
        The columns of `EVENT_COLUMNS`.
    """
    events = found.merge(species_bands(rows), on="species_id", how="left")
    events = events.fillna({"songtype_id": 1, "f_min": 0.0, "f_max": f_max})
    species = [names.get(number, f"s{number}") for number in events["species_id"]]
    events = events.assign(species=species).astype({"songtype_id": "int64", "species_id": "int64"})
    return events[list(EVENT_COLUMNS)]


def below_nyquist(events: pd.DataFrame, infos: Mapping[str, RecordingInfo]) -> pd.DataFrame:
    """Events whose bands end where their recordings' sound ends, where the sample rate is known.

    An event of a species whose whole band lies above that is left out, with a warning.

    Args:
        events: with the columns of `EVENT_COLUMNS`.
        infos: by recording.
    """
    rates = {name: info.sample_rate for name, info in infos.items() if info.sample_rate}
    top = events["recording_id"].map(rates).astype(float).fillna(np.inf) / 2
    above = events["f_min"] >= top
    if above.any():
        first = events[above].iloc[0]
        _log.warning(
            "%d events are left out: their species call above what the recordings hold, the first "
            "%s in %s, which ends at %g Hz",
            *(int(above.sum()), first["species"], first["recording_id"], top[above].iloc[0]),
        )
    return events[~above].assign(f_max=events["f_max"].clip(upper=top)).reset_index(drop=True)
