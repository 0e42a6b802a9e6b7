"""Pseudo-labels: rows that a model wrote, beside those that people wrote."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import torch

from rfcx_audio.data.coverage import NOWHERE, Coverage
from rfcx_audio.data.rows import RFCX_COLUMNS, AnnotationError

_WORDS = ("recording_id", "teacher", "seen_folds", "fold_table")
PSEUDO_COLUMNS = (
    *(*RFCX_COLUMNS, "present", "weight", "round", "teacher", "score"),
    *("seen_folds", "fold_table"),
)
"""Of a table of pseudo rows: `round` and `teacher` name the model that wrote a row, `score` is the
probability that it gave; `seen_folds` are the folds whose labels it learned from, of the table of
folds `fold_table`, see `data.teachers`."""

_NUMBERS = [name for name in PSEUDO_COLUMNS if name not in (*_WORDS, "present")]
_COUNTS = ["species_id", "songtype_id", "round"]
_LARGEST = 2**31 - 1
_DEFAULTS = {"present": True, "weight": 0.5, "seen_folds": "", "fold_table": ""}
# Errors that pandas raises on files that are not tables.
_BROKEN = (
    pd.errors.EmptyDataError,
    pd.errors.ParserError,
    pa.ArrowInvalid,
    UnicodeDecodeError,
)
_KEY = ["recording_id", "species_id"]


def add_pseudo_rows(
    rows: pd.DataFrame, pseudo: pd.DataFrame, coverage: Coverage = NOWHERE
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Real rows and pseudo rows as one table; real rows always win.

    Args:
        rows: as `read_rfcx` returns them.
        pseudo: with the columns of `PSEUDO_COLUMNS`.
        coverage: where the real rows are all calls.

    Returns:
        The real rows with `pseudo` False (`round` 0, no `teacher`, no `score` and so on), then the
        pseudo rows with `pseudo` True and `source` "pseudo"; and the pseudo rows set aside, where a
        real row of the same species overlaps them in time: `reason` is `contradicted` where one has
        the opposite label, else `redundant`. Where the real rows are complete, no row is a ruled
        out species.
    """
    reason = _reasons(rows, pseudo)
    if coverage:
        why = np.where(pseudo["present"].astype(bool), "contradicted", "redundant")
        reason = reason.mask(_are_complete(pseudo, coverage) & (reason == "").to_numpy(), why)
    kept = pseudo.loc[reason == "", list(PSEUDO_COLUMNS)]
    aside = pseudo[reason != ""].assign(reason=reason[reason != ""]).reset_index(drop=True)
    real = rows.assign(pseudo=False, round=0, score=np.nan, **dict.fromkeys(_WORDS[1:], ""))
    if kept.empty:
        return real.reset_index(drop=True), aside
    added = kept.assign(source="pseudo", line=0, pseudo=True, whole_band=False)
    return pd.concat([real, added[real.columns]], ignore_index=True), aside


def read_pseudo(path: Path) -> pd.DataFrame:
    """A table of pseudo rows, checked.

    Args:
        path: a CSV or Parquet file with the columns of `PSEUDO_COLUMNS`; where `present` or
            `weight` is missing, every row is present or weighs 0.5; where `seen_folds` or
            `fold_table` is, the teachers may have seen any label.

    Raises:
        AnnotationError: the file is missing or no table, lacks a column, or a row breaks a rule.
    """
    table = _read(path)
    table = table.assign(**{name: _DEFAULTS[name] for name in _DEFAULTS if name not in table})
    missing = [name for name in PSEUDO_COLUMNS if name not in table]
    if missing:
        raise AnnotationError(
            f"{path} lacks the column(s) {', '.join(missing)} of a table of pseudo-labels; it has "
            f"{', '.join(table.columns)}"
        )
    table = table.loc[:, list(PSEUDO_COLUMNS)]
    numbers = table[_NUMBERS].apply(pd.to_numeric, errors="coerce").astype(float)
    not_finite = ~np.isfinite(numbers).all(axis=1)
    rules = {
        f"one of {', '.join(_NUMBERS)} is not a finite number": not_finite,
        "t_max is not above t_min": numbers["t_max"] <= numbers["t_min"],
        "f_max is not above f_min": numbers["f_max"] <= numbers["f_min"],
        f"one of {', '.join(_COUNTS)} is not a whole number in [0, {_LARGEST}]": (
            (numbers[_COUNTS] < 0) | (numbers[_COUNTS] > _LARGEST) | (numbers[_COUNTS] % 1 != 0)
        ).any(axis=1),
        "weight lies outside (0, 1]": (numbers["weight"] <= 0) | (numbers["weight"] > 1),
        "present is neither True nor False": ~table["present"].isin([True, False]),
        "seen_folds is no list of numbers with spaces between them": (
            ~table["seen_folds"].astype(str).str.fullmatch(r"(\d+( \d+)*)?")
        ),
    }
    for rule, broken in rules.items():
        if broken.any():
            raise AnnotationError(
                f"{path}: {rule} in {int(broken.sum())} row(s), the first is row "
                f"{int(np.argmax(broken)) + 1}; create the table with `rfcx-audio relabel`"
            )
    kinds = {**dict.fromkeys(_COUNTS, "int64"), "present": bool}
    return table.assign(**{name: numbers[name] for name in _NUMBERS}).astype(kinds)


def _reasons(rows: pd.DataFrame, pseudo: pd.DataFrame) -> pd.Series:
    """By pseudo row: why it is set aside, or nothing."""
    numbered = pseudo.assign(number=np.arange(len(pseudo)))
    pairs = numbered.merge(rows[[*_KEY, "t_min", "t_max", "present"]], on=_KEY, suffixes=("", "_r"))
    pairs = pairs[(pairs["t_min"] < pairs["t_max_r"]) & (pairs["t_max"] > pairs["t_min_r"])]
    opposite = (pairs["present"] != pairs["present_r"]).to_numpy(dtype=bool)
    numbers = pairs["number"].to_numpy(dtype=int)
    reason = np.full(len(pseudo), "", dtype=object)
    reason[numbers] = "redundant"
    reason[numbers[opposite]] = "contradicted"
    return pd.Series(reason, index=pseudo.index)


def _are_complete(rows: pd.DataFrame, coverage: Coverage) -> np.ndarray:
    """(rows,) bool: which rows lie where the calls of their species are all known."""
    found = np.zeros(len(rows), dtype=bool)
    for name, places in rows.groupby("recording_id").indices.items():
        own = rows.iloc[places]
        starts_s, stops_s = torch.tensor(own[["t_min", "t_max"]].to_numpy(dtype="float64")).T
        numbers = torch.tensor(own["species_id"].to_numpy(dtype="int64"))
        complete = coverage.windows(str(name), starts_s, stops_s, int(numbers.max()) + 1)
        found[places] = complete.gather(1, numbers[:, None])[:, 0].numpy()
    return found


def _read(path: Path) -> pd.DataFrame:
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path).astype({"recording_id": str})
        kinds = dict.fromkeys(_WORDS, str)
        return pd.read_csv(path, dtype=kinds, keep_default_na=False)
    except FileNotFoundError:
        raise AnnotationError(
            f"{path} does not exist; set data.pseudo_rows to a rows.csv that rfcx_audio.relabel "
            "wrote, or to null"
        ) from None
    except (*_BROKEN, KeyError) as error:
        raise AnnotationError(f"{path} is not a table of pseudo-labels: {error}") from None
