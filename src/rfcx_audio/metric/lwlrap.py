"""Label-weighted label-ranking average precision, the competition's metric."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torchmetrics import Metric

from rfcx_audio.metric.ranking import precision_at
from rfcx_audio.metric.truth import check_num_species, checked_cells


class LabelPrecision(NamedTuple):
    """LWLRAP, species by species.

    Attributes:
        precision: (species,) float64, the mean precision at a species' labels; NaN without any.
        num_labels: (species,) int64, in how many recordings it is present.
    """

    precision: Tensor
    num_labels: Tensor


def lwlrap(scores: Tensor, target: Tensor, known: Tensor | None = None) -> Tensor:
    """How high the species that are present stand in each recording's ranking.

    >>> scores = torch.tensor([[0.9, 0.2, 0.1], [0.3, 0.8, 0.1]])
    >>> rfcx_audio.lwlrap(scores, target=torch.tensor([[1, 0, 0], [1, 0, 0]])).item()
    0.75

    For every species present in a recording, the precision at its rank: of the species that score
    at least as high, the share that is present too. LWLRAP is the mean over all such labels, so a
    recording weighs as many times as it has labels, and one without any weighs nothing.

    It is meant for complete truth. With partial truth a perfect model does not score 1 unless the
    unknown cells are left out, and then absences that are rarely known make the ranking short.

    Args:
        scores: (recordings, species), of any scale; only their order in a row matters. Tied scores
            take the worst rank, as in scikit-learn.
        target: (recordings, species) in [0, 1]; present from 0.5 on.
        known: (recordings, species); cells at 0 are left out of the ranking. None: all is known.

    Returns:
        A float64 scalar in (0, 1], or NaN if no species is present anywhere: then it is undefined.

    Raises:
        ValueError: if the shapes differ or a score is NaN.

    Source: Fonseca et al. (2019), arXiv:1906.02975. With everything known it is scikit-learn's
    `label_ranking_average_precision_score` weighted by the number of labels of each row.
    """
    precision_sum, count = _sums(scores, target, known)
    return precision_sum.sum() / count.sum()


def label_precision(scores: Tensor, target: Tensor, known: Tensor | None = None) -> LabelPrecision:
    """`lwlrap`, species by species; takes the same and raises the same."""
    precision_sum, count = _sums(scores, target, known)
    return LabelPrecision(precision_sum / count, count.long())


class Lwlrap(Metric):
    """`lwlrap` over any number of batches and processes, exactly.

    Two sums are kept for each species, of the precision and of the labels, so that neither the
    size of a batch nor the share of a process changes the result.

    Args:
        num_species: number of columns.
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False
    precision_sum: Tensor
    label_count: Tensor

    def __init__(self, num_species: int, **kwargs: Any) -> None:  # noqa: ANN401 (torchmetrics')
        super().__init__(**kwargs)
        self.num_species = num_species
        for name in ("precision_sum", "label_count"):
            zeros = torch.zeros(num_species, dtype=torch.float64)
            self.add_state(name, default=zeros, dist_reduce_fx="sum")

    def update(self, scores: Tensor, target: Tensor, known: Tensor) -> None:
        """Adds recordings.

        Args:
            scores: (recordings, species), of any scale.
            target: (recordings, species) in [0, 1].
            known: (recordings, species); cells at 0 are left out of the ranking.

        Raises:
            ValueError: if the shapes differ or do not fit, or if a score is NaN.
        """
        check_num_species(scores, self.num_species)
        precision_sum, count = _sums(scores, target, known)
        self.precision_sum += precision_sum
        self.label_count += count

    def compute(self) -> Tensor:
        """A float64 scalar in (0, 1]; NaN when no species was present in any recording."""
        return self.precision_sum.sum() / self.label_count.sum()

    def per_species(self) -> LabelPrecision:
        """The mean precision at each species' labels and their number, over all processes.

        The mean of the precision, weighted by the number, is `compute()`.
        """
        with self.sync_context():
            return LabelPrecision(self.precision_sum / self.label_count, self.label_count.long())


def _sums(scores: Tensor, target: Tensor, known: Tensor | None) -> tuple[Tensor, Tensor]:
    """For each species the sum of the precision and the number of labels, both float64."""
    cells = checked_cells(scores, target, known)
    return precision_at(*cells).sum(0), cells.present.sum(0).double()
