"""How well a measure that needs no truth chooses among models whose truth is known."""

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
        (...) in [-1, 1]; NaN where either is constant or of fewer than two values.
    """
    if one.shape[-1] < 2:
        return np.full(one.shape[:-1], np.nan)
    ranks = [rankdata(values, axis=-1) for values in (one, other)]
    a, b = (rank - rank.mean(-1, keepdims=True) for rank in ranks)
    product = np.sqrt((a**2).sum(-1) * (b**2).sum(-1))
    return np.divide((a * b).sum(-1), product, np.full(product.shape, np.nan), where=product > 0)


def rank_correlations(
    table: pd.DataFrame, measures: Sequence[str], truth: str, resamples: int, seed: int
) -> pd.DataFrame:
    """How alike measures and truth order techniques.

    Args:
        table: one row a technique: the runs of one technique are no independent witnesses. A
            technique for which a measure is NaN does not count for it.
        measures: columns, in which higher is better.
        truth: a column.
        resamples: of the techniques, with replacement, for the intervals.
        seed: of the resamples, which are the same for all measures.

    Returns:
        By measure: `rho`, Spearman's correlation; `low` and `high`, the ends of its 95 % bootstrap
        interval; `number` of techniques; `lead_low` and `lead_high`, the interval of its `rho`
        minus that of the first measure, over the techniques that both know.
    """
    drawn = np.random.default_rng(seed).integers(len(table), size=(resamples, len(table)))
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
    """The ends of the middle 95 % of what is defined; NaN where nothing is."""
    defined = values[~np.isnan(values)]
    if not len(defined):
        return np.nan, np.nan
    low, high = np.quantile(defined, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    return float(low), float(high)


def _resampled(
    one: np.ndarray, other: np.ndarray, here: np.ndarray, drawn: np.ndarray
) -> np.ndarray:
    """(resamples,) correlations of what counts among the drawn."""
    if here.all():
        return rank_correlation(one[drawn], other[drawn])
    found = [rank_correlation(one[row], other[row]) for row in (r[here[r]] for r in drawn)]
    return np.array(found, dtype=float)


def pairs_in_order(runs: pd.DataFrame, group: str, measure: str, truth: str) -> tuple[float, int]:
    """The share of the pairs of a group that a measure orders as the truth does.

    Args:
        runs: one row a model.
        group: a column; pairs are of models of one group, as seeds of one technique, or epochs of
            one run.
        measure: a column, in which higher is better; a tie counts one half.
        truth: a column; pairs that tie in it do not count.

    Returns:
        The share in [0, 1], 1/2 by chance, NaN without a pair; and the number of pairs.
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
    """What it costs to choose the model with the highest measure, where few are to choose from.

    Args:
        measure: (models,), higher is better; the first of equals is chosen.
        truth: (models,).
        among: how many different models are to choose from.
        draws: how often they are drawn at random.
        seed: of the draws.

    Returns:
        The mean over the draws of the highest truth minus that of the chosen one.
    """
    generator = np.random.default_rng(seed)
    drawn = generator.random((draws, len(truth))).argsort(-1)[:, :among]
    chosen = np.take_along_axis(drawn, measure[drawn].argmax(-1)[:, None], -1)[:, 0]
    return float((truth[drawn].max(-1) - truth[chosen]).mean())


def epoch_regrets(runs: pd.DataFrame, group: str, measure: str, truth: str) -> pd.Series:
    """What it costs each run to keep the epoch with the highest measure.

    Args:
        runs: one row an epoch of a run, in the order of time.
        group: the column that tells the run.
        measure: a column, in which higher is better; the first of equals is kept, as a checkpoint
            callback does.
        truth: a column.

    Returns:
        By run, the truth of its best epoch minus that of the kept one.
    """
    cost = {
        name: epochs[truth].max() - epochs[truth].iloc[int(epochs[measure].to_numpy().argmax())]
        for name, epochs in runs.groupby(group)
    }
    return pd.Series(cost, name=measure, dtype=float)


def agreement(one: np.ndarray, other: np.ndarray) -> float:
    """How alike two models order recordings, species by species.

    Args:
        one: (recordings, species) scores.
        other: (recordings, species) scores.

    Returns:
        The mean over the species of Spearman's correlation; a species whose scores do not differ
        counts 0.
    """
    return float(np.nan_to_num(rank_correlation(one.T, other.T)).mean())
