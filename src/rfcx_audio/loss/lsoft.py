"""Soft bootstrapping: unknown cells have a target between absent and their own score."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (torch's own abbreviation)

from rfcx_audio.batch import CellLoss, CropLabels, Logits
from rfcx_audio.loss.ramp import Ramp, value_now

Scope = Literal["unknown", "not_present"]
Teacher = Literal["self", "ema"]


def lsoft(
    logits: Tensor,
    target: Tensor,
    known: Tensor,
    beta: float,
    scope: Scope = "unknown",
    detach_target: bool = True,
    teacher: Tensor | None = None,
) -> CellLoss:
    """Cross-entropy in which cells that may be mislabelled have a target that is partly predicted.

    Such a cell counts as absent, y = 0. Its loss L_soft is the cross-entropy with the target
    beta y + (1 - beta) p, p being its score by the network itself or by a teacher. All other cells
    have plain cross-entropy with their target.

    A cell of target t and `known` k is a mixture of both: plain cross-entropy with weight k, L_soft
    with weight 1 - k (for `scope="not_present"`: k t and 1 - k t).

    With z the logit and p the network's own, L_soft has the gradient beta p where p is detached,
    which is that of plain cross-entropy weighted by beta, and beta p - (1 - beta) z p (1 - p) where
    it is not, which also pulls scores towards 0 and 1.

    Args:
        logits: (batch, species), unbounded.
        target: (batch, species) in [0, 1]; where `known` is 0 it has no influence, NaN included.
        known: (batch, species) in [0, 1].
        beta: in [0, 1]; 1 counts those cells as absent, 0 takes the prediction alone.
        scope: which cells may be mislabelled: `unknown` ones, or all that are `not_present`, known
            absences too; the latter is meant for crops around TP rows.
        detach_target: whether no gradient passes through p.
        teacher: (batch, species), logits that p comes from in place of `logits`; they receive no
            gradient.

    Returns:
        (batch, species) loss of each cell, in at least float32, and a weight of 1 everywhere, so
        that a `beta` of 1 is plain cross-entropy with unknown as absent.

    Raises:
        ValueError: if `beta` lies outside [0, 1], `scope` is neither, or the shapes differ.

    Source: Reed et al. (2014), arXiv:1412.6596, with sigmoids for softmax, and the gradient through
    the target made a choice; the two scopes are the deck's (a) and (b).
    """
    _check(beta, scope)
    shapes = {part.shape for part in (logits, target, known, teacher) if part is not None}
    if len(shapes) > 1:
        raise ValueError(
            f"logits, target, known and teacher, if any, must have one shape (batch, species), "
            f"got {sorted(map(tuple, shapes))}"
        )
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    known = known.to(logits.dtype)
    present = torch.where(known > 0, target, 0).to(logits.dtype) * known
    trusted = known if scope == "unknown" else present
    predicted = (logits if teacher is None else teacher.detach().to(logits.dtype)).sigmoid()
    if detach_target:
        predicted = predicted.detach()
    # Cross-entropy is linear in its target: the sum of a cell's two costs is the cost of this one.
    both = present + (1 - trusted) * (1 - beta) * predicted
    value = F.binary_cross_entropy_with_logits(logits, both, reduction="none")
    return CellLoss(value=value, weight=torch.ones_like(value))


class LSoft(nn.Module):
    """`lsoft` of the clips.

    Args:
        scope: see `lsoft`.
        beta: in [0, 1], see `lsoft`; a `Ramp` changes it during the training.
        detach_target: see `lsoft`.
        teacher: whose prediction is blended in: the network's own (`self`), or that of the moving
            average of its weights that a learning method keeps (`ema`).

    Raises:
        ValueError: if a setting is not allowed; in `forward`, if a teacher is asked for and there
            is none, or the shapes differ.
    """

    def __init__(
        self,
        scope: Scope = "unknown",
        beta: float | Ramp = 0.5,
        detach_target: bool = True,
        teacher: Teacher = "self",
    ) -> None:
        super().__init__()
        for end in (beta.first, beta.last) if isinstance(beta, Ramp) else (beta,):
            _check(end, scope)
        if teacher not in get_args(Teacher):
            raise ValueError(f"teacher {teacher!r} does not exist; choose self or ema")
        self.scope: Scope = scope
        self.beta = beta
        self.detach_target = detach_target
        self.teacher: Teacher = teacher

    def forward(self, logits: Logits, labels: CropLabels) -> CellLoss:
        """The cells' losses.

        Args:
            logits: of which `clip` (batch, species) is used, and `teacher` if asked for.
            labels: of which `clip` (batch, species) is used.

        Returns:
            (batch, species) values and weights.
        """
        if self.teacher == "ema" and logits.teacher is None:
            raise ValueError(
                "loss.teacher is 'ema', but the logits of a teacher are missing: set "
                "method.ema_decay, for example to 0.99, or loss.teacher=self; frames have no "
                "teacher, only clips do"
            )
        return lsoft(
            logits.clip,
            *labels.clip,
            beta=value_now(self.beta),
            scope=self.scope,
            detach_target=self.detach_target,
            teacher=logits.teacher if self.teacher == "ema" else None,
        )

    def extra_repr(self) -> str:
        """The settings, for `repr`; a ramp shows itself."""
        beta = "" if isinstance(self.beta, Ramp) else f"beta={self.beta:g}, "
        return (
            f"{beta}scope={self.scope}, detach_target={self.detach_target}, teacher={self.teacher}"
        )


def _check(beta: float, scope: Scope) -> None:
    if not 0 <= beta <= 1:
        raise ValueError(f"beta is {beta}; it must lie in [0, 1]")
    if scope not in get_args(Scope):
        raise ValueError(f"scope {scope!r} does not exist; choose {', '.join(get_args(Scope))}")
