"""Ensembles: combining the scores of several members."""

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

_EPS = 1e-6  # a score of 0 would make a geometric mean 0, whatever the other members score


def combine(scores: Tensor, weights: Tensor, how: How = "mean") -> Tensor:
    """Combines the scores of the members.

    Args:
        scores: (members, windows, species) in [0, 1].
        weights: (members,), non-negative, with the sum 1.
        how: `mean` of the scores; `geometric` mean of the scores, clamped below at 1e-6; `rank`,
            the mean of each member's ranks among all windows of a species, scaled to [0, 1], with
            tied scores at their mean rank. Ranks are comparable within a species only; LWLRAP
            compares the species of a window.

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
    """The weights that minimise the log loss of the combination on known cells.

    The loss is the average of its mean over known presences and its mean over known absences, so
    the class balance of the rows does not matter. It is convex in the weights, which are the
    softmax of free parameters, found by L-BFGS from equal weights.

    Args:
        scores: (members, windows, species) in [0, 1], of recordings that no member was trained on.
        labels: (windows, species) each.
        how: `mean` or `geometric`; ranks are no probabilities and have no log loss.

    Returns:
        (members,) float64, non-negative, with the sum 1.

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
    """Weights normalised to the sum 1.

    Args:
        weights: one per member, non-negative and not all 0; None for equal weights.
        members: number of members.

    Raises:
        EnsembleError: the weights are not that.
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
    """The settings of windows and front end, which all tables must share.

    Args:
        metadata: by name of the table; a missing setting agrees with any value.
        mixed_frontends: whether members may differ in their front end, which is then omitted.

    Raises:
        EnsembleError: two tables have different settings.
    """
    advice_for: dict[str, str] = dict.fromkeys(
        WINDOW_SETTINGS, "predict both with the same windows"
    )
    if not mixed_frontends:
        advice_for["frontend"] = "set mixed_frontends=true to join them anyway"
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
