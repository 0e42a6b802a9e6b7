"""Labels of a mixture of two crops."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from rfcx_audio.augment.chain import per_example
from rfcx_audio.batch import MIXED_BACKGROUND, Boxes, CropLabels, Labels

Rule = Callable[[Labels, Labels], Labels]
"""`union`, or `blend` with its shares."""


def union(first: Labels, second: Labels) -> Labels:
    """Labels of the sum of two crops.

    A species is present where it is present in either crop, with the larger of the two weights. It
    is absent only where it is absent from both, with the smaller weight. Else it is unknown.

    Args:
        first: (..., species) twice.
        second: the same shapes.

    Returns:
        The same shapes. For a cell that is partly both, `known` is the sum of the two weights, at
        most 1, and `target` the share of presence in it.
    """
    present = torch.maximum(first.known * first.target, second.known * second.target)
    return _labels(present, torch.minimum(_absent(first), _absent(second)))


def blend(first: Labels, second: Labels, share: Tensor) -> Labels:
    """Labels of a convex combination of two crops.

    Where both are known, the target is the combination of the targets. A known presence beside an
    unknown cell has its crop's share as its weight. A known absence beside an unknown cell gives
    an unknown one, as the other crop may hold the species.

    Args:
        first: (batch, ..., species) twice.
        second: the same shapes.
        share: (batch,) of the first crop, in [0, 1].

    Returns:
        The same shapes.

    Source: Zhang et al. (2018), arXiv:1710.09412, where everything is known.
    """
    share = per_example(share, first.known)
    present = share * first.known * first.target + (1 - share) * second.known * second.target
    absent = share * (1 - first.target) + (1 - share) * (1 - second.target)
    return _labels(present, absent * torch.minimum(first.known, second.known))


def join(first: CropLabels, second: CropLabels, how: Rule, which: Tensor) -> CropLabels:
    """The labels of crops, into some of which another crop was mixed.

    A box of an absence keeps at most the weight with which the species is known to be absent from
    the other crop too; where that is 0, the box is removed.

    Args:
        first: of the crops.
        second: of what was mixed into them; it may have another number of boxes.
        how: of clip and frame labels; the truth of a mixture is always the union of its parts'.
        which: (batch,) bool, the crops into which anything was mixed.

    Returns:
        The same shapes, but the boxes and rows of both: a crop's own, then those of the other, with
        species and row -1 where nothing was mixed in, and `MIXED_BACKGROUND` for background.
    """

    def cells(own: Labels, other: Labels, rule: Rule) -> Labels:
        here = per_example(which, own.known)
        pairs = zip(rule(own, other), own, strict=True)
        return Labels(*(torch.where(here, new, old) for new, old in pairs))

    place = which[:, None]
    pairs = zip(_beside(first.boxes, second.clip), first.boxes, strict=True)
    ours = Boxes(*(torch.where(place, new, old) for new, old in pairs))
    theirs = _beside(second.boxes, first.clip)
    theirs = theirs._replace(species=torch.where(place, theirs.species, -1))
    return CropLabels(
        clip=cells(first.clip, second.clip, how),
        frame=cells(first.frame, second.frame, how),
        boxes=with_boxes(ours, theirs),
        truth=cells(first.truth, second.truth, union),
        rows=_rows_of_both(first.rows, second.rows, place),
    )


def reordered(labels: CropLabels, order: Tensor) -> CropLabels:
    """The labels of the examples `order`, (batch,) int64."""
    return CropLabels(
        clip=Labels(*(part[order] for part in labels.clip)),
        frame=Labels(*(part[order] for part in labels.frame)),
        boxes=Boxes(*(field[order] for field in labels.boxes)),
        truth=Labels(*(part[order] for part in labels.truth)),
        rows=None if labels.rows is None else labels.rows[order],
    )


def with_boxes(first: Boxes, second: Boxes) -> Boxes:
    """The boxes of both, example by example."""
    return Boxes(*(torch.cat(pair, dim=1) for pair in zip(first, second, strict=True)))


def _rows_of_both(own: Tensor | None, other: Tensor | None, place: Tensor) -> Tensor | None:
    if own is None or other is None:
        return own
    # The unknown sound of background is in the mixture too.
    ours, theirs = (
        torch.where((rows < 0).all(1, keepdim=True), MIXED_BACKGROUND, rows)
        for rows in (own, other)
    )
    return torch.cat([torch.where(place, ours, own), torch.where(place, theirs, -1)], dim=1)


def _beside(boxes: Boxes, clip: Labels) -> Boxes:
    """Boxes with the weights that are left after a crop with these labels was mixed in."""
    absent = _absent(clip).gather(1, boxes.species.clamp(min=0))  # (batch, boxes)
    weight = torch.where(boxes.present, boxes.weight, torch.minimum(boxes.weight, absent))
    return boxes._replace(weight=weight, species=torch.where(weight > 0, boxes.species, -1))


def _absent(labels: Labels) -> Tensor:
    return labels.known * (1 - labels.target)


def _labels(present: Tensor, absent: Tensor) -> Labels:
    known = present + absent
    target = torch.where(present > 0, present / known.clamp(min=1e-12), 0.0)
    return Labels(target, known.clamp(max=1.0))
