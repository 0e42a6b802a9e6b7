"""Ensembles: tables of scores, joined by recording, window and species, become one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
import torch
from scipy.stats import rankdata
from torch import Tensor

from rfcx_audio.batch import Labels
from rfcx_audio.inference.table import KEY, species_columns

How = Literal["mean", "rank", "geometric"]
WINDOW_SETTINGS = ("duration_s", "overlap", "pool", "smooth")

_SHOWN = 3
_EPS = 1e-6  # below it a score of 0 would silence all other members of a geometric mean


class EnsembleError(ValueError):
    """Tables that do not fit together; the message names what differs."""


class JoinedScores(NamedTuple):
    """The scores of several members for the same windows.

    Attributes:
        keys: `recording_id`, `t_min`, `t_max` (s), sorted.
        species: names of the columns of species.
        scores: (members, windows, species) in [0, 1].
    """

    keys: pd.DataFrame
    species: list[str]
    scores: Tensor


def join_scores(tables: Mapping[str, pd.DataFrame], tolerance_s: float = 1e-3) -> JoinedScores:
    """The scores of several tables side by side, whatever the order of their rows and columns.

    Args:
        tables: by name; `recording_id`, `t_min`, `t_max` (s) and one column a species.
        tolerance_s: by which the times of one window may differ from table to table.

    Raises:
        EnsembleError: the tables have other windows or species, a window twice, or scores that are
            no probabilities.
    """
    species = _common_species(tables)
    whole = pd.concat([table[[*KEY, *species]] for table in tables.values()], ignore_index=True)
    member = np.repeat(np.arange(len(tables)), [len(table) for table in tables.values()])
    values = whole[species].to_numpy()
    if not ((values >= 0) & (values <= 1)).all():
        row = int(np.argmin(((values >= 0) & (values <= 1)).all(axis=1)))
        raise EnsembleError(
            f"{list(tables)[member[row]]} has scores that are no probabilities, the first in the "
            f"window {_shown(whole[KEY].iloc[[row]])}"
        )
    for time in ("t_min", "t_max"):
        whole[time] = _snapped(whole["recording_id"], whole[time], tolerance_s)
    place = whole.groupby(KEY, sort=True).ngroup().to_numpy()  # of the window among all
    keys = whole[KEY].drop_duplicates().sort_values(KEY, ignore_index=True)
    count = np.zeros((len(tables), len(keys)), dtype=int)
    np.add.at(count, (member, place), 1)
    _check_keys(list(tables), keys, count)
    scores = np.empty((len(tables), len(keys), len(species)), dtype=values.dtype)
    scores[member, place] = values
    return JoinedScores(keys, species, torch.from_numpy(scores))


def combine(scores: Tensor, weights: Tensor, how: How = "mean") -> Tensor:
    """What the members say together.

    Args:
        scores: (members, windows, species) in [0, 1].
        weights: (members,), at least 0, with the sum 1.
        how: `mean` of the scores; `geometric`, the exponential of the mean of their logarithms,
            where scores below 1e-6 count as 1e-6; `rank`, the mean of the ranks that a member's
            scores have among all windows of the same species, scaled from 0 (lowest) to 1, ties
            sharing their mean. Ranks compare windows of a species and no longer species of a
            window, on which LWLRAP depends.

    Returns:
        (windows, species) float64 in [0, 1].
    """
    if how not in ("mean", "rank", "geometric"):
        raise ValueError(f"how = {how!r} is unknown; choose mean, rank or geometric")
    said = scores.double()
    if how == "rank":
        ranks = torch.from_numpy(rankdata(said.numpy(), axis=1))  # as float64, which SciPy keeps
        said = (ranks - 1) / max(1, scores.shape[1] - 1)
    if how == "geometric":
        return torch.tensordot(weights, said.clamp(min=_EPS).log(), 1).exp().clamp(0, 1)
    return torch.tensordot(weights, said, 1).clamp(0, 1)


def fit_weights(scores: Tensor, labels: Labels, how: How = "mean") -> Tensor:
    """The weights with which the members' combination has the least log loss on known cells.

    The loss is half the mean over the known presences and half that over the known absences, so
    that the share of either among the rows does not matter. It is convex in the weights; they are
    the softmax of free parameters, found by L-BFGS from equal weights.

    Args:
        scores: (members, windows, species) in [0, 1], of recordings that no member was trained on.
        labels: (windows, species) twice.
        how: `mean` or `geometric`; the log loss of ranks means nothing.

    Returns:
        (members,) float64, at least 0, with the sum 1.

    Raises:
        EnsembleError: `how` is `rank`, or there is no known presence or no known absence.
    """
    if how == "rank":
        raise EnsembleError("weights cannot be fitted for how=rank; give them, or choose mean")
    known = labels.known > 0
    cells = scores[:, known][..., None]  # (members, cells, 1)
    present = labels.target[known][:, None] >= 0.5
    if not present.any() or present.all():
        raise EnsembleError(
            f"{int(present.sum())} present and {int((~present).sum())} absent cells are known in "
            "the scored windows; fitting weights needs both"
        )
    free = torch.zeros(len(scores), dtype=torch.float64, requires_grad=True)
    search = torch.optim.LBFGS(
        [free],
        max_iter=500,
        tolerance_grad=1e-9,
        tolerance_change=1e-12,
        line_search_fn="strong_wolfe",
    )

    def cost() -> Tensor:
        search.zero_grad()
        p = combine(cells, free.softmax(0), how).clamp(1e-7, 1 - 1e-7)
        loss = -(p[present].log().mean() + (1 - p[~present]).log().mean()) / 2
        loss.backward()
        return loss

    search.step(cost)  # pyright: ignore[reportArgumentType]
    return free.detach().softmax(0)


def given_weights(weights: Sequence[float] | None, members: int) -> Tensor:
    """Weights with the sum 1.

    Args:
        weights: one for each member, at least 0 and one of them above; None for equal ones.
        members: their number.

    Raises:
        EnsembleError: they are not that.
    """
    found = torch.tensor(weights or [1.0] * members, dtype=torch.float64)
    if len(found) != members or not found.isfinite().all() or found.min() < 0 or found.sum() == 0:
        raise EnsembleError(
            f"weights = {weights}: expected {members} numbers of at least 0, one a table, not all 0"
        )
    return found / found.sum()


def common_settings(
    metadata: Mapping[str, Mapping[str, Any]], mixed_frontends: bool = False
) -> dict[str, Any]:
    """The settings of windows and front end that all tables share.

    Args:
        metadata: of the tables, by name; a setting that a table does not state fits any other.
        mixed_frontends: whether members may differ in their front end, which is then left out.

    Raises:
        EnsembleError: two tables state different settings.
    """
    mend: dict[str, str] = dict.fromkeys(WINDOW_SETTINGS, "predict both with the same windows")
    if not mixed_frontends:
        mend["frontend"] = "set mixed_frontends=true to join them all the same"
    settings: dict[str, Any] = {}
    for name, advice in mend.items():
        stated = {table: made[name] for table, made in metadata.items() if name in made}
        for table, value in stated.items():
            if settings.setdefault(name, value) != value:
                raise EnsembleError(
                    f"{table} was made with {name} = {value}, {next(iter(stated))} with "
                    f"{settings[name]}; {advice}"
                )
    return settings


def _common_species(tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """The columns of species, `s0` first."""
    if not tables:
        raise EnsembleError("no table of scores is given")
    columns = {name: [str(column) for column in table] for name, table in tables.items()}
    for name, found in columns.items():
        lacking = [column for column in KEY if column not in found]
        if lacking:
            raise EnsembleError(f"{name} lacks the column(s) {', '.join(lacking)}")
    first = next(iter(columns))
    species = species_columns(len(columns[first]) - len(KEY))
    if set(columns[first]) != {*KEY, *species}:
        raise EnsembleError(
            f"{first} has the columns {columns[first]}, expected {', '.join(KEY)}, s0, s1, …"
        )
    for name, found in columns.items():
        lacking, more = sorted({*species} - {*found}), sorted({*found} - {*KEY, *species})
        if lacking or more:
            raise EnsembleError(
                f"the tables are of different species: only {first} has {lacking}, only {name} "
                f"has {more}"
            )
    return species


def _snapped(recordings: pd.Series, times_s: pd.Series, tolerance_s: float) -> pd.Series:
    """Times of which those of one recording that are closer than a tolerance have become equal."""
    ordered = pd.DataFrame({"recording_id": recordings, "time": times_s}).sort_values(
        ["recording_id", "time"]
    )
    another = ordered["recording_id"] != ordered["recording_id"].shift()
    apart = ordered["time"].diff() > tolerance_s
    return ordered["time"].groupby((another | apart).cumsum()).transform("min")


def _check_keys(names: list[str], keys: pd.DataFrame, count: np.ndarray) -> None:
    """Refuses windows that a table lacks or has twice; `count` is (members, windows)."""
    faults = []
    for name, times in zip(names, count, strict=True):
        for what, which in (("lacks", times == 0), ("has twice", times > 1)):
            if which.any():
                faults.append(
                    f"{name} {what} {which.sum()} of {len(keys)} windows: {_shown(keys[which])}"
                )
    if faults:
        raise EnsembleError(
            "the tables are not of the same windows; predict the same recordings with the same "
            "windows. " + "; ".join(faults)
        )


def _shown(keys: pd.DataFrame) -> str:
    """The first few windows by name and time."""
    first = zip(*(keys[column].head(_SHOWN) for column in KEY), strict=True)
    text = ", ".join(f"{name!r} {t_min:.2f}-{t_max:.2f} s" for name, t_min, t_max in first)
    return text + (", …" if len(keys) > _SHOWN else "")
