"""Ensembles: the scores of several members become one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from scipy.stats import rankdata
from torch import Tensor

from rfcx_audio.batch import Labels
from rfcx_audio.scores.join import EnsembleError

How = Literal["mean", "rank", "geometric"]
WINDOW_SETTINGS = ("duration_s", "overlap", "pool", "smooth")

_EPS = 1e-6  # below it a score of 0 would silence all other members of a geometric mean


def combine(scores: Tensor, weights: Tensor, how: How = "mean") -> Tensor:
    """The members' scores combined.

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
    values = scores.double()
    if how == "rank":
        ranks = torch.from_numpy(
            rankdata(scores.double().numpy(), axis=1)
        )  # as float64, which SciPy keeps
        values = (ranks - 1) / max(1, scores.shape[1] - 1)
    if how == "geometric":
        return torch.tensordot(weights, values.clamp(min=_EPS).log(), 1).exp().clamp(0, 1)
    return torch.tensordot(weights, values, 1).clamp(0, 1)


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
    advice_for: dict[str, str] = dict.fromkeys(
        WINDOW_SETTINGS, "predict both with the same windows"
    )
    if not mixed_frontends:
        advice_for["frontend"] = "set mixed_frontends=true to join them all the same"
    settings: dict[str, Any] = {}
    for name, advice in advice_for.items():
        stated = {table: made[name] for table, made in metadata.items() if name in made}
        for table, value in stated.items():
            if settings.setdefault(name, value) != value:
                raise EnsembleError(
                    f"{table} was made with {name} = {value}, {next(iter(stated))} with "
                    f"{settings[name]}; {advice}"
                )
    return settings
