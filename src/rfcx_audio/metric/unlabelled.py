"""Known presences against unlabelled windows."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from rfcx_audio.metric.masked import MaskedAUROC


def as_unlabelled(target: Tensor, known: Tensor, recording: Tensor) -> tuple[Tensor, Tensor]:
    """Labels in which a species is absent from all recordings without a known presence of it.

    The other windows of a recording that is known to hold a species stay unknown, for they often
    hold it too. If the known presences are a random sample of all, the area A under the ROC curve
    of such labels orders models as the true area does: A - 1/2 is a fixed share of the true area
    minus 1/2, namely the share of the windows counted as absent that are truly absent. Known
    absences count as any other window: they are often near misses, and few.

    Args:
        target: (windows, species) in [0, 1].
        known: (windows, species), 0 = unknown.
        recording: (windows,) int64 from 0, the recording of each window.

    Returns:
        (windows, species) float64 each, as target and known: 1 where a presence is known; 1 there
        and in all windows of the recordings without a known presence of the species.

    Source: Menon et al. (2015), "Learning from corrupted binary labels via class-probability
    estimation": the area under the curve of positive and unlabelled data.
    """
    present = (known > 0) & (target >= 0.5)
    number = int(recording.max()) + 1 if len(recording) else 0
    beside = any_by(present, recording, number)[recording]
    return present.double(), (present | ~beside).double()


class UnlabelledAUROC(MaskedAUROC):
    """`masked_auroc` of `as_unlabelled`, averaged over the species that define it.

    Each update is of the windows of one recording.

    Args:
        num_species: number of columns.
    """

    num_recordings: Tensor

    def __init__(self, num_species: int, **kwargs: Any) -> None:  # noqa: ANN401 (torchmetrics')
        super().__init__(num_species, **kwargs)
        # A MetricCollection lets metrics with equal states share them; this one's differ.
        self.add_state("num_recordings", default=torch.tensor(0), dist_reduce_fx="sum")

    def update(self, scores: Tensor, target: Tensor, known: Tensor) -> None:
        """Adds a recording.

        Args:
            scores: (windows, species), of any scale.
            target: (windows, species) in [0, 1]; present from 0.5 on.
            known: (windows, species), 0 = unknown.

        Raises:
            ValueError: if the shapes differ or do not fit, or if a score is NaN.
        """
        one = torch.zeros(len(target), dtype=torch.long, device=target.device)
        super().update(scores, *as_unlabelled(target, known, one))
        self.num_recordings += 1


def any_by(cells: Tensor, recording: Tensor, number: int) -> Tensor:
    """Whether any window of a recording has a cell.

    Args:
        cells: (windows, species) bool.
        recording: (windows,) int64, below `number`.
        number: of recordings.

    Returns:
        (number, species) bool.
    """
    found = torch.zeros(number, cells.shape[1], dtype=torch.long, device=cells.device)
    return found.index_add(0, recording, cells.long()) > 0
