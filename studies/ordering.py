"""How well each measure orders techniques, the seeds of a technique, and the epochs of a run."""

from __future__ import annotations

import numpy as np
import pandas as pd

from studies.measures import MEASURES, TRUTHS, turned
from studies.ranking import epoch_regrets, expected_regret, pairs_in_order, rank_correlations

AMONG = 5
"""Number of models to choose from, for the regret."""
_NUM_BOOTSTRAP, _DRAWS = 2000, 20_000
_LWLRAP = next(iter(TRUTHS))


def between(runs: pd.DataFrame) -> pd.DataFrame:
    """How well each measure orders techniques, and the seeds of one technique.

    Args:
        runs: as `measure` returns them.

    Returns:
        By measure, best first, with a prefix for each truth (`test_lwlrap_…`, `test_auc_…`): what
        `rank_correlations` returns for the techniques' means over their seeds, with `auc` as the
        first measure; `…_better`, the correlation among the better half of the techniques;
        `…_seeds`, the share of pairs of seeds in order; `…_regret`, see `expected_regret`, NaN if
        the measure is missing for a technique.
    """
    runs = turned(runs)
    names = [name for name in MEASURES if name in runs and runs[name].notna().any()]
    table = runs.groupby("entry")[[*names, *TRUTHS]].mean()
    parts = []
    for truth in TRUTHS:
        found = rank_correlations(table, names, truth, _NUM_BOOTSTRAP, seed=0)
        better = table[table[truth] >= table[truth].median()]
        found["better"] = rank_correlations(better, names, truth, 1, seed=0)["rho"]
        found["seeds"] = [pairs_in_order(runs, "entry", name, truth)[0] for name in names]
        found["regret"] = [_regret(table, name, truth) for name in names]
        parts.append(found.add_prefix(f"{truth}_"))
    return pd.concat(parts, axis=1).sort_values(f"{_LWLRAP}_rho", ascending=False)


def within(epochs: pd.DataFrame) -> pd.DataFrame:
    """How well each measure orders the epochs of one run.

    Args:
        epochs: as `measure` returns them, of checkpoints of epochs, in the order of time.

    Returns:
        By measure, and for `last` (keeps the last epoch) and `random`, with a prefix for each
        truth: `…_order`, the share of pairs of epochs in order, and `…_regret`, the mean over the
        runs of the loss from keeping the best epoch by the measure.
    """
    runs = turned(epochs)
    names = [name for name in MEASURES if name in runs and runs[name].notna().any()]
    runs = runs.assign(run=runs["entry"] + "/" + runs["seed"].astype(str))
    runs["last"] = runs.groupby("run").cumcount()
    lines = {}
    for name in [*names, "last"]:
        lines[name] = {}
        for truth in TRUTHS:
            lines[name][f"{truth}_order"] = pairs_in_order(runs, "run", name, truth)[0]
            lines[name][f"{truth}_regret"] = epoch_regrets(runs, "run", name, truth).mean()
    by_run = runs.groupby("run")
    lines["random"] = {f"{truth}_order": 0.5 for truth in TRUTHS} | {
        f"{truth}_regret": (by_run[truth].max() - by_run[truth].mean()).mean() for truth in TRUTHS
    }
    return pd.DataFrame(lines).T.sort_values(f"{_LWLRAP}_regret")


def regret_at_random(runs: pd.DataFrame, truth: str) -> float:
    """The regret of a random choice."""
    table = runs.groupby("entry")[[truth]].mean()
    return _regret(table.assign(nothing=0.0), "nothing", truth)


def _regret(table: pd.DataFrame, name: str, truth: str) -> float:
    if table[name].isna().any():
        return np.nan
    values, true = table[name].to_numpy(dtype=float), table[truth].to_numpy(dtype=float)
    return expected_regret(values, true, min(AMONG, len(table)), _DRAWS, seed=0)
