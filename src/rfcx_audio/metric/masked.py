"""Metrics of single species over the labelled cells."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Literal

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities.data import dim_zero_cat

from rfcx_audio.metric.ranking import above, at_least, precision_at
from rfcx_audio.metric.truth import Cells, check_num_species, checked_cells

Side = Literal["present", "absent", "balanced"]

_PRESENT, _ABSENT = 1.0, -1.0  # as states are kept; unknown is 0


def masked_auroc(scores: Tensor, target: Tensor, known: Tensor | None = None) -> Tensor:
    """How often a known presence of a species scores above a known absence of it.

    Args:
        scores: (n, species), of any scale; only their order in a column matters. A tie counts one
            half.
        target: (n, species) in [0, 1]; present from 0.5 on.
        known: (n, species); cells at 0 are left out. None: all is known.

    Returns:
        (species,) float64 in [0, 1], the exact area under the ROC curve; NaN where a species has
        no known presence or no known absence.

    Raises:
        ValueError: if the shapes differ or a score is NaN.
    """
    return _auroc(checked_cells(scores, target, known))


def pooled_auroc(scores: Tensor, target: Tensor, known: Tensor | None = None) -> Tensor:
    """How often a known presence of any species scores above a known absence of any.

    Beyond `masked_auroc`, it measures whether the scores of different species are comparable, as a
    ranking of the species in a recording needs. And it uses all known cells together, where the
    area of a species with few of them is uncertain.

    Args:
        scores: (n, species), of any scale; their order over all cells matters. A tie counts one
            half.
        target: (n, species) in [0, 1]; present from 0.5 on.
        known: (n, species); cells at 0 are left out. None: all is known.

    Returns:
        A float64 scalar in [0, 1]; NaN without a known presence or without a known absence.

    Raises:
        ValueError: if the shapes differ or a score is NaN.
    """
    return _auroc(_together(checked_cells(scores, target, known)))[0]


def average_precision(scores: Tensor, target: Tensor, known: Tensor | None = None) -> Tensor:
    """The precision at each known presence of a species, averaged.

    Args:
        scores: (n, species), of any scale; tied scores are one threshold, as in scikit-learn.
        target: (n, species) in [0, 1]; present from 0.5 on.
        known: (n, species); cells at 0 are left out. None: all is known.

    Returns:
        (species,) float64 in (0, 1]; NaN where a species has no known presence, or no known absence
        that could score above one.

    Raises:
        ValueError: if the shapes differ or a score is NaN.
    """
    return _average_precision(checked_cells(scores, target, known))


def masked_log_loss(
    scores: Tensor,
    target: Tensor,
    known: Tensor | None = None,
    side: Side = "balanced",
    eps: float = 1e-7,
) -> Tensor:
    """The mean log loss of the known presences, of the known absences, or of both alike.

    Args:
        scores: (n, species), probabilities.
        target: (n, species) in [0, 1]; present from 0.5 on.
        known: (n, species); cells at 0 are left out. None: all is known.
        side: `present` is the mean of -ln(score), `absent` that of -ln(1 - score), `balanced`
            half of each.
        eps: scores are brought into [eps, 1 - eps] first, so that no cell costs more than -ln(eps).

    Returns:
        A float64 scalar, at least 0, in nepers; NaN if a side that is asked for has no cell.

    Raises:
        ValueError: if the shapes differ, or a score is NaN or outside [0, 1].
    """
    costs, counts = _log_loss_sums(scores, target, known, eps)
    return _log_loss(costs, counts, side)


class _KeptCells(Metric, ABC):
    """A macro-averaged metric that needs all cells at once, and so keeps them in float32.

    They are kept flat: for a process that has seen no batch, torchmetrics gathers an empty float32
    tensor of one dimension.
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False
    kept_scores: list[Tensor]
    kept_states: list[Tensor]

    def __init__(self, num_species: int, **kwargs: Any) -> None:  # noqa: ANN401 (torchmetrics')
        super().__init__(**kwargs)
        self.num_species = num_species
        self.add_state("kept_scores", default=[], dist_reduce_fx="cat")
        self.add_state("kept_states", default=[], dist_reduce_fx="cat")

    def update(self, scores: Tensor, target: Tensor, known: Tensor) -> None:
        """Adds recordings or windows.

        Args:
            scores: (n, species), of any scale.
            target: (n, species) in [0, 1]; present from 0.5 on.
            known: (n, species); cells at 0 are left out.

        Raises:
            ValueError: if the shapes differ or do not fit, or if a score is NaN.
        """
        check_num_species(scores, self.num_species)
        cells = checked_cells(scores, target, known)
        states = cells.present * _PRESENT + cells.absent * _ABSENT
        self.kept_scores.append(cells.scores.float().flatten())
        self.kept_states.append(states.flatten())

    def compute(self) -> Tensor:
        """A float64 scalar, the mean over the species that define it; NaN if none does."""
        return self._values(self._cells()).nanmean()

    def per_species(self) -> Tensor:
        """The metric of each species, over all processes: (species,) float64, NaN if undefined."""
        with self.sync_context():
            return self._values(self._cells())

    def _cells(self) -> Cells:
        if len(self.kept_scores) == 0:
            nothing = torch.zeros(0, self.num_species, device=self.device)
            return Cells(nothing, nothing > 0, nothing > 0)
        scores = dim_zero_cat(self.kept_scores).view(-1, self.num_species)
        states = dim_zero_cat(self.kept_states).view(-1, self.num_species)
        return Cells(scores, states == _PRESENT, states == _ABSENT)

    @abstractmethod
    def _values(self, cells: Cells) -> Tensor:
        """(species,) float64."""


class MaskedAUROC(_KeptCells):
    """`masked_auroc`, averaged over the species with a known presence and a known absence.

    Args:
        num_species: number of columns.
    """

    def _values(self, cells: Cells) -> Tensor:
        return _auroc(cells)


class PooledAUROC(_KeptCells):
    """`pooled_auroc` over any number of batches and processes, exactly.

    Args:
        num_species: number of columns.
    """

    def _values(self, cells: Cells) -> Tensor:
        return _auroc(_together(cells))  # (1,)


class MacroAveragePrecision(_KeptCells):
    """`average_precision`, averaged over the species with a known presence and a known absence.

    Args:
        num_species: number of columns.
    """

    def _values(self, cells: Cells) -> Tensor:
        return _average_precision(cells)


class MaskedLogLoss(Metric):
    """`masked_log_loss` over any number of batches and processes, exactly.

    Args:
        side: `present`, `absent` or `balanced`.
        eps: in (0, 0.5), see `masked_log_loss`.

    Raises:
        ValueError: if `side` is none of the three or `eps` lies outside (0, 0.5).
    """

    is_differentiable = False
    higher_is_better = False
    full_state_update = False
    cost_sums: Tensor
    cell_counts: Tensor

    def __init__(self, side: Side = "balanced", eps: float = 1e-7, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(**kwargs)
        if side not in ("present", "absent", "balanced"):
            raise ValueError(f"side is {side!r}; choose present, absent or balanced")
        if not 0 < eps < 0.5:
            raise ValueError(f"eps is {eps}; it must lie between 0 and 0.5")
        self.side: Side = side
        self.eps = eps
        # Both sides are kept whichever is asked for: a MetricCollection lets metrics with equal
        # states share them from then on.
        for name in ("cost_sums", "cell_counts"):
            zeros = torch.zeros(2, dtype=torch.float64)
            self.add_state(name, default=zeros, dist_reduce_fx="sum")

    def update(self, scores: Tensor, target: Tensor, known: Tensor) -> None:
        """Adds recordings or windows.

        Args:
            scores: (n, species), probabilities.
            target: (n, species) in [0, 1]; present from 0.5 on.
            known: (n, species); cells at 0 are left out.

        Raises:
            ValueError: if the shapes differ, or a score is NaN or outside [0, 1].
        """
        costs, counts = _log_loss_sums(scores, target, known, self.eps)
        self.cost_sums += costs
        self.cell_counts += counts

    def compute(self) -> Tensor:
        """A float64 scalar in nepers; NaN if a side that is asked for has no cell."""
        return _log_loss(self.cost_sums, self.cell_counts, self.side)


def _together(cells: Cells) -> Cells:
    """All cells as those of one species."""
    return Cells(*(tensor.reshape(-1, 1) for tensor in cells))


def _auroc(cells: Cells) -> Tensor:
    scores, present, absent = (tensor.T for tensor in cells)  # (species, n)
    beaten_by = (above(scores, absent) + at_least(scores, absent)).double() / 2
    pairs = present.sum(-1).double() * absent.sum(-1)
    return 1 - torch.where(present, beaten_by, 0).sum(-1) / pairs


def _average_precision(cells: Cells) -> Tensor:
    scores, present, absent = (tensor.T for tensor in cells)  # (species, n)
    mean = precision_at(scores, present, absent).sum(-1) / present.sum(-1)
    return torch.where(absent.any(-1), mean, torch.nan)


def _log_loss_sums(
    scores: Tensor, target: Tensor, known: Tensor | None, eps: float
) -> tuple[Tensor, Tensor]:
    """The summed costs and the numbers of the present and of the absent cells, (2,) float64."""
    cells = checked_cells(scores, target, known)
    if scores.numel() and not 0 <= scores.min() <= scores.max() <= 1:
        raise ValueError(
            f"log loss needs probabilities, got scores from {scores.min():g} to {scores.max():g}; "
            "apply a sigmoid to logits"
        )
    p = cells.scores.double().clamp(eps, 1 - eps)
    costs = torch.stack([-p.log()[cells.present].sum(), -(1 - p).log()[cells.absent].sum()])
    return costs, torch.stack([cells.present.sum(), cells.absent.sum()]).double()


def _log_loss(costs: Tensor, counts: Tensor, side: Side) -> Tensor:
    present, absent = (costs / counts).unbind()
    return {"present": present, "absent": absent, "balanced": (present + absent) / 2}[side]
