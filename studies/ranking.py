"""How well a measure of partial truth orders models and chooses among them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import rankdata

_LEVEL = 0.95


def rank_correlation(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Spearman's correlation along the last axis, ties at their mean rank.

    Args:
        one: (..., n).
        other: (..., n).

    Returns:
        (...) in [-1, 1]; NaN if either is constant or there are fewer than two values.
    """
    if one.shape[-1] < 2:
        return np.full(one.shape[:-1], np.nan)
    ranks = [rankdata(values, axis=-1) for values in (one, other)]
    a, b = (rank - rank.mean(-1, keepdims=True) for rank in ranks)
    product = np.sqrt((a**2).sum(-1) * (b**2).sum(-1))
    return np.divide((a * b).sum(-1), product, np.full(product.shape, np.nan), where=product > 0)


def rank_correlations(
    table: pd.DataFrame, measures: Sequence[str], truth: str, num_bootstrap: int, seed: int
) -> pd.DataFrame:
    """Rank correlation of measures with the truth over techniques.

    Args:
        table: one row per technique, as the runs of one technique are not independent. A
            technique with NaN in a measure is excluded from that measure.
        measures: columns, in which higher is better.
        truth: a column.
        num_bootstrap: number of bootstrap samples of the techniques, for the intervals.
        seed: of the samples, which are the same for all measures.

    Returns:
        By measure: `rho`, Spearman's correlation; `low` and `high`, the ends of its 95 % bootstrap
        interval; `number` of techniques; `lead_low` and `lead_high`, the interval of its `rho`
        minus that of the first measure, over the techniques that have both.
    """
    drawn = np.random.default_rng(seed).integers(len(table), size=(num_bootstrap, len(table)))
    values = table[truth].to_numpy(dtype=float)
    first = table[measures[0]].to_numpy(dtype=float)
    lines = []
    for measure in measures:
        column = table[measure].to_numpy(dtype=float)
        here = ~np.isnan(column)
        rho = _resampled(column, values, here, drawn)
        lead = rho - _resampled(first, values, here, drawn)
        lines.append(
            {
                "rho": float(rank_correlation(column[here], values[here])),
                **dict(zip(("low", "high"), _interval(rho), strict=True)),
                "number": int(here.sum()),
                **dict(zip(("lead_low", "lead_high"), _interval(lead), strict=True)),
            }
        )
    return pd.DataFrame(lines, index=pd.Index(measures, name="measure"))


def _interval(values: np.ndarray) -> tuple[float, float]:
    """The central 95 % of the values without NaN; NaN if there are none."""
    defined = values[~np.isnan(values)]
    if not len(defined):
        return np.nan, np.nan
    low, high = np.quantile(defined, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    return float(low), float(high)


def _resampled(
    one: np.ndarray, other: np.ndarray, here: np.ndarray, drawn: np.ndarray
) -> np.ndarray:
    """(samples,) correlations over the drawn techniques that are in `here`."""
    if here.all():
        return rank_correlation(one[drawn], other[drawn])
    found = [rank_correlation(one[row], other[row]) for row in (r[here[r]] for r in drawn)]
    return np.array(found, dtype=float)


def pairs_in_order(runs: pd.DataFrame, group: str, measure: str, truth: str) -> tuple[float, int]:
    """The share of the pairs of a group that a measure orders as the truth does.

    Args:
        runs: one row per model.
        group: a column; pairs are formed within a group, such as the seeds of one technique or the
            epochs of one run.
        measure: a column, in which higher is better; a tie counts one half.
        truth: a column; pairs that tie in it are excluded.

    Returns:
        The share in [0, 1], 1/2 by chance, NaN without pairs; and the number of pairs.
    """
    right, number = 0.0, 0
    for _, models in runs.dropna(subset=[measure]).groupby(group):
        above = [
            np.sign(values[:, None] - values)[np.triu_indices(len(values), 1)]
            for values in (models[name].to_numpy(dtype=float) for name in (measure, truth))
        ]
        counts = above[1] != 0
        right += ((above[0] * above[1])[counts] + 1).sum() / 2
        number += int(counts.sum())
    return (right / number if number else np.nan), number


def expected_regret(
    measure: np.ndarray, truth: np.ndarray, among: int, draws: int, seed: int
) -> float:
    """The expected loss from choosing the model with the highest measure among a few random ones.

    Args:
        measure: (models,), higher is better; the first of ties is chosen.
        truth: (models,).
        among: number of different models to choose from.
        draws: number of random draws.
        seed: of the draws.

    Returns:
        The mean over the draws of the highest truth minus the truth of the chosen model.
    """
    generator = np.random.default_rng(seed)
    drawn = generator.random((draws, len(truth))).argsort(-1)[:, :among]
    chosen = np.take_along_axis(drawn, measure[drawn].argmax(-1)[:, None], -1)[:, 0]
    return float((truth[drawn].max(-1) - truth[chosen]).mean())


def epoch_regrets(runs: pd.DataFrame, group: str, measure: str, truth: str) -> pd.Series:
    """The loss of each run from keeping the epoch with the highest measure.

    Args:
        runs: one row per epoch of a run, in the order of time.
        group: the column that identifies the run.
        measure: a column, in which higher is better; the first of ties is kept, as in a
            checkpoint callback.
        truth: a column.

    Returns:
        By run, the truth of its best epoch minus the truth of the kept one.
    """
    cost = {
        name: epochs[truth].max() - epochs[truth].iloc[int(epochs[measure].to_numpy().argmax())]
        for name, epochs in runs.groupby(group)
    }
    return pd.Series(cost, name=measure, dtype=float)


def agreement(one: np.ndarray, other: np.ndarray) -> float:
    """How similarly two models order the recordings of each species.

    Args:
        one: (recordings, species) scores.
        other: (recordings, species) scores.

    Returns:
        The mean over the species of Spearman's correlation; a species with constant scores counts
        as 0.
    """
    return float(np.nan_to_num(rank_correlation(one.T, other.T)).mean())
