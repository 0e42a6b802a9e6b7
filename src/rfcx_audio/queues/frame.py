"""What may be reviewed: the windows of scores or the detections of a table, species by species."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rfcx_audio.data import RecordingInfo, few
from rfcx_audio.scores import RECORDING, WINDOW, Scores

ROUNDING_S = 1e-3  # of times that went through tables
_DETECTION = (*WINDOW, "species")
_OPTIONAL = ("f_min", "f_max", "score")
COLUMNS = (*_DETECTION, *_OPTIONAL, "window")


class QueueError(ValueError):
    """A queue that cannot be drawn, and why."""


@dataclass(frozen=True, eq=False)
class Frame:
    """The candidates of a queue: each is a stretch of a recording, and a species to look for.

    Attributes:
        table: the columns of `COLUMNS`: `recording_id`, `t_min`, `t_max` (s), `species`, `f_min`,
            `f_max` (Hz, NaN where unknown), `score` (NaN where unknown), and `window` (the same
            number for the candidates of one stretch of a recording).
        species: names, in the order of the scores.
        kind: `windows` or `detections`; what the shares of an estimate are shares of.
        metadata: of the scores, see `Scores`.
        infos: where and when the recordings were made; those that are unknown may be missing.
    """

    table: pd.DataFrame
    species: tuple[str, ...]
    kind: str
    metadata: Mapping[str, Any]
    infos: Mapping[str, RecordingInfo]

    def of_species(self, names: Sequence[str] | None) -> Frame:
        """The candidates of some species; None: of all.

        Raises:
            QueueError: there is none of a name.
        """
        if names is None:
            return self
        missing = [name for name in names if name not in self.species]
        if missing:
            raise QueueError(
                f"species {few(missing)} of the queue are not among those of the {self.kind}: "
                f"{few(list(self.species))}"
            )
        chosen = self.table["species"].isin(list(names)).to_numpy()
        return replace(self, table=self.table[chosen], species=tuple(names))

    def rows(self, which: np.ndarray) -> Frame:
        """Some of the candidates, by a mask or by their places."""
        return replace(self, table=self.table.iloc[np.flatnonzero(which)])

    @property
    def recordings(self) -> str:
        """A fingerprint of the names of the recordings, see `fingerprint_of_recordings`."""
        return fingerprint_of_recordings(self.table[RECORDING[0]].astype(str).unique())

    @property
    def fingerprint(self) -> str:
        """Of what is looked at: equal for the same recordings and times, whatever their scores."""
        keys = self.table.loc[~self.table["window"].duplicated(), list(WINDOW)]
        text = keys.astype({RECORDING[0]: str}).sort_values(list(WINDOW))
        hashes = pd.util.hash_pandas_object(text, index=False).to_numpy()
        return hashlib.sha256(hashes.tobytes()).hexdigest()[:16]


def fingerprint_of_recordings(names: Iterable[str]) -> str:
    """Equal for the same names, in whatever order."""
    return hashlib.sha256("\n".join(sorted(names)).encode()).hexdigest()[:16]


def frame_of_scores(
    scores: Scores, infos: Mapping[str, RecordingInfo], spacing_s: float | None = 0.0
) -> Frame:
    """Every species in the windows of scores.

    Args:
        scores: of windows.
        infos: where and when recordings were made; windows end where their recording does.
        spacing_s: between the starts of two windows of a recording, at least: of nearer ones the
            first is taken, whatever its scores. None: so that none overlap; 0: all windows.

    Raises:
        QueueError: the scores are of recordings.
    """
    if scores.is_pooled:
        raise QueueError("a queue needs the scores of windows; these are of whole recordings")
    kept = spaced(scores.keys, spacing_s)
    keys, values = scores.keys.iloc[kept], scores.values[kept]
    ends = keys[RECORDING[0]].map({n: i.duration_s or np.inf for n, i in infos.items()})
    t_max = np.fmin(keys["t_max"].to_numpy(), ends.to_numpy(float))
    number, names = len(scores.species), pd.Index(scores.species)
    about = scores.metadata.get("about", {})
    bands = [about.get(name, {}).get("band", (np.nan, np.nan)) for name in names]
    band = np.array(bands, float).reshape(number, 2)
    codes, recordings = pd.factorize(keys[RECORDING[0]])
    table = pd.DataFrame(
        {
            RECORDING[0]: pd.Categorical.from_codes(np.repeat(codes, number), recordings),
            "t_min": np.repeat(keys["t_min"].to_numpy(), number),
            "t_max": np.repeat(t_max, number),
            "species": pd.Categorical.from_codes(np.tile(np.arange(number), len(keys)), names),
            "f_min": np.tile(band[:, 0], len(keys)),
            "f_max": np.tile(band[:, 1], len(keys)),
            "score": values.astype(float).ravel(),
            "window": np.repeat(np.arange(len(keys)), number),
        }
    )
    lasts = table["t_max"] > table["t_min"]  # a window may begin where the recording has ended
    return Frame(table[lasts], tuple(names), "windows", scores.metadata, infos)


def frame_of_detections(
    table: pd.DataFrame, infos: Mapping[str, RecordingInfo], spacing_s: float | None = 0.0
) -> Frame:
    """The detections of a table; of those of one species that overlap, the one with the best score.

    Args:
        table: `recording_id`, `species`, `t_min`, `t_max` (s), and where known `f_min`, `f_max`
            (Hz), `score`, as in the `events.csv` of `detect`.
        infos: where and when recordings were made.
        spacing_s: between the starts of two detections of a species in a recording, see
            `frame_of_scores`; those that overlap are one in any case.

    Raises:
        QueueError: a column is missing, or a detection has no length.
    """
    missing = [name for name in _DETECTION if name not in table]
    if missing:
        raise QueueError(
            f"the table of detections lacks the column(s) {', '.join(missing)}; it has "
            f"{few(list(map(str, table)))}"
        )
    bad = ~(table["t_max"] > table["t_min"])
    if bad.any():
        raise QueueError(
            f"detection {int(np.flatnonzero(bad)[0]) + 1} does not end after it begins"
        )
    plain = table.reindex(columns=[*_DETECTION, *_OPTIONAL]).reset_index(drop=True)
    plain = plain.astype({RECORDING[0]: "category", "species": "category"})
    plain[list(_OPTIONAL)] = plain[list(_OPTIONAL)].astype(float)
    single = plain.iloc[best_of_each_call(plain)]
    pairs = single.groupby([RECORDING[0], "species"], observed=True).ngroup()
    kept = spaced(single.assign(**{RECORDING[0]: pairs}), spacing_s)
    frame = single.iloc[kept]
    window = frame.groupby(list(WINDOW), observed=True).ngroup().to_numpy()
    names = tuple(map(str, plain["species"].cat.categories))
    return Frame(frame.assign(window=window), names, "detections", {}, infos)


def read_detections(path: str | Path) -> pd.DataFrame:
    """A CSV table of detections, whose `species` and `recording_id` are text.

    Raises:
        QueueError: it does not exist.
    """
    if not Path(path).is_file():
        raise QueueError(f"detections={path} does not exist; expected the events.csv of detect")
    text = {"recording_id": str, "species": str}
    return pd.read_csv(path, dtype=text, keep_default_na=False, na_values=[""])


def best_of_each_call(table: pd.DataFrame) -> np.ndarray:
    """The places of the best-scored of detections that overlap, directly or by others between.

    Args:
        table: `recording_id`, `species`, `t_min`, `t_max` and `score`.
    """
    order = table.sort_values(["recording_id", "species", "t_min"], kind="stable")
    pairs = order.groupby(["recording_id", "species"], observed=True)
    pair = pairs.ngroup().to_numpy()
    reached = pairs["t_max"].cummax().to_numpy()
    first = np.ones(len(order), bool)
    first[1:] = (pair[1:] != pair[:-1]) | (order["t_min"].to_numpy()[1:] >= reached[:-1])
    call = np.cumsum(first)
    score = order["score"].fillna(-np.inf).to_numpy()
    ranked = np.lexsort((np.arange(len(order)), -score, call))
    best = ranked[np.r_[True, call[ranked][1:] != call[ranked][:-1]]] if len(order) else ranked
    return np.sort(table.index.get_indexer(order.index[best]))


def spaced(keys: pd.DataFrame, spacing_s: float | None) -> np.ndarray:
    """The places of rows that lie far enough from the one taken before, in the order of time.

    Args:
        keys: `recording_id`, `t_min`, `t_max`.
        spacing_s: between two starts; None: between the end of one and the start of the next, 0.
    """
    if spacing_s is not None and spacing_s < 0:
        raise QueueError(f"min_spacing_s = {spacing_s}; expected 0 s or more")
    if spacing_s == 0:
        return np.arange(len(keys))
    codes = pd.factorize(keys[RECORDING[0]])[0]
    starts, ends = keys["t_min"].to_numpy(float), keys["t_max"].to_numpy(float)
    kept, recording, free_from = [], -1, 0.0
    for row in np.lexsort((starts, codes)).tolist():
        if codes[row] != recording:
            recording, free_from = codes[row], -np.inf
        if starts[row] >= free_from - ROUNDING_S:
            kept.append(row)
            free_from = ends[row] if spacing_s is None else starts[row] + spacing_s
    return np.sort(np.array(kept, int))
