"""One loss, applied to clips and to their frames."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rfcx_audio.batch import Boxes, CellLoss, CropLabels, Labels, Logits
from rfcx_audio.loss.row_table import RowTable


def pool_frames(labels: Labels, num_frames: int) -> Labels:
    """The labels of a different number of frames, equal parts of the same time.

    A longer frame covers the parts that it overlaps, as in adaptive average pooling. It is present
    where any part is: it takes target and `known` of the part with the largest product of the two.
    Otherwise it is absent, and its `known` is the mean of its parts'. A shorter frame repeats the
    part in which its centre lies.

    Args:
        labels: (batch, label frames, species) twice; where `known` is 0, the target has no
            influence, NaN included.
        num_frames: at least 1.

    Returns:
        (batch, num_frames, species) twice.
    """
    target, known = torch.where(labels.known > 0, labels.target, 0), labels.known
    parts = known.shape[1]
    frame = torch.arange(num_frames, device=known.device)
    if num_frames >= parts:
        centre = (2 * frame + 1) * parts // (2 * num_frames)
        return Labels(target[:, centre], known[:, centre])

    first, behind = frame * parts // num_frames, -(-(frame + 1) * parts // num_frames)
    widest = -(-parts // num_frames) + 1
    part = first[:, None] + torch.arange(widest, device=known.device)  # (num_frames, widest)
    inside = (part < behind[:, None])[..., None]  # (num_frames, widest, 1)
    part = part.clamp(max=parts - 1)
    targets, knowns = target[:, part] * inside, known[:, part] * inside

    present, best = (targets * knowns).max(2, keepdim=True)  # (batch, num_frames, 1, species)
    known_of_best = torch.where(present > 0, knowns.gather(2, best), 0).squeeze(2)
    average = knowns.sum(2) / inside.sum(1)
    return Labels(
        target=targets.gather(2, best).squeeze(2),
        known=torch.where(known_of_best > 0, known_of_best, average),
    )


class ClipAndFrame(nn.Module):
    """The same loss of the clips and of their frames, for heads that localise.

    Let `loss` give a cell the value v and the weight k. A cell's frames count as one, with the
    weighted mean of their values and the largest of their weights. The cell then has

        weight  k = max(k_clip, k_frame)
        value   (clip_weight k_clip v_clip + frame_weight k_frame v_frame) / k, or 0 where k = 0,

    which is the weighted sum of both where both are equally known. A part whose weight is 0 is not
    computed.

    Args:
        loss: any loss; it gets each frame as a clip of its own, without boxes or teacher.
        clip_weight: at least 0.
        frame_weight: at least 0.

    Raises:
        ValueError: if a weight is negative, or none is positive, or `frame_weight` is positive and
            the loss keeps a table of training rows, which frames do not belong to.

    Source: the two stages of training in the deck: 0.5 and 1, then 1 and 0.
    """

    def __init__(
        self, loss: nn.Module, clip_weight: float = 0.5, frame_weight: float = 1.0
    ) -> None:
        super().__init__()
        if min(clip_weight, frame_weight) < 0 or clip_weight == frame_weight == 0:
            raise ValueError(
                f"clip_weight ({clip_weight}) and frame_weight ({frame_weight}) must be at least "
                f"0, and one of them above it"
            )
        tables = [part for part in loss.modules() if isinstance(part, RowTable)]
        if frame_weight and tables:
            raise ValueError(
                f"{type(loss).__name__} keeps a table of training rows, and frames belong to none; "
                "set loss.frame_weight=0, or put another loss inside clip_and_frame"
            )
        self.loss = loss
        self.clip_weight = clip_weight
        self.frame_weight = frame_weight

    def forward(self, logits: Logits, labels: CropLabels) -> CellLoss:
        """The cells' losses.

        Args:
            logits: of which `clip` and `frame` (batch, frames, species) are used.
            labels: of which `clip` and `frame` are used; the latter may have another number of
                frames, see `pool_frames`.

        Returns:
            (batch, species) values and weights.
        """
        parts: list[tuple[float, CellLoss]] = []
        if self.clip_weight:
            parts.append((self.clip_weight, self.loss(logits, labels)))
        if self.frame_weight:
            parts.append((self.frame_weight, self._of_frames(logits.frame, labels)))
        weight = torch.stack([cells.weight for _, cells in parts]).amax(0)
        total = sum(share * cells.weight * cells.value for share, cells in parts)
        return CellLoss(total / _or_one(weight), weight)

    def _of_frames(self, frame: Tensor, labels: CropLabels) -> CellLoss:
        shape = frame.shape  # (batch, frames, species)
        logits = frame.flatten(0, 1)
        clip = Labels(*(part.flatten(0, 1) for part in pool_frames(labels.frame, shape[1])))
        labels_of_frames = CropLabels(
            clip=clip,
            frame=Labels(*(part.unsqueeze(1) for part in clip)),
            boxes=Boxes(*(field.new_zeros(len(logits), 0) for field in labels.boxes)),
            truth=Labels(*(torch.zeros_like(part) for part in clip)),
        )
        cells = self.loss(Logits(logits, logits.unsqueeze(1)), labels_of_frames)
        value, weight = cells.value.view(shape), cells.weight.view(shape)
        mean = (weight * value).sum(1) / _or_one(weight.sum(1))
        return CellLoss(mean, weight.amax(1))

    def extra_repr(self) -> str:
        """The settings, for `repr`."""
        return f"clip_weight={self.clip_weight:g}, frame_weight={self.frame_weight:g}"


def _or_one(weight: Tensor) -> Tensor:
    """The weight, or 1 where it is 0, to divide by."""
    return torch.where(weight > 0, weight, 1)
