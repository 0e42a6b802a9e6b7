from __future__ import annotations

from typing import Literal

import pytest
import torch

from augment.conftest import MakeLabels
from rfcx_audio.augment import Mask

AXES = [("time", -1), ("frequency", -2)]


def stripes(masked: torch.Tensor, signal: torch.Tensor, dim: int) -> torch.Tensor:
    other = -2 if dim == -1 else -1
    return (masked != signal).any(dim=other)[:, 0]  # (batch, axis)


@pytest.mark.parametrize(("axis", "dim"), AXES)
def test_a_mask_is_one_stripe_of_the_mean(
    axis: Literal["time", "frequency"], dim: int, make_labels: MakeLabels
) -> None:
    signal, labels = torch.randn(200, 1, 40, 40), make_labels(200)
    masked, relabelled = Mask(axis, 0.25, 1.0)(signal, labels, torch.Generator().manual_seed(0))
    assert relabelled is labels
    changed = stripes(masked, signal, dim)
    widths = changed.sum(1)
    assert (widths.min(), widths.max()) == (0, 10)
    for row, before, after in zip(changed, signal, masked, strict=True):
        places = row.nonzero().flatten()
        if len(places):
            assert places[-1] - places[0] + 1 == len(places)
            covered = after.index_select(dim, places)
            assert torch.allclose(covered, before.mean().expand_as(covered))


def test_masks_reach_both_ends(make_labels: MakeLabels) -> None:
    signal = torch.randn(200, 1, 40, 40)
    mask = Mask("time", 0.25, 1.0)
    masked, _ = mask(signal, make_labels(200), torch.Generator().manual_seed(0))
    changed = stripes(masked, signal, -1).any(0)
    assert changed[0]
    assert changed[-1]


@pytest.mark.parametrize("present", [True, False])
@pytest.mark.parametrize(("axis", "dim"), AXES)
def test_no_stripe_covers_a_box_that_is_to_be_kept(
    axis: Literal["time", "frequency"], dim: int, present: bool, one_box: MakeLabels
) -> None:
    signal = torch.randn(400, 1, 40, 40)
    labels = one_box((0.5, 0.6), (0.5, 0.6), present, batch=400)

    def masked(keep_boxes: bool) -> torch.Tensor:
        mask = Mask(axis, 0.4, 1.0, keep_boxes)
        after, _ = mask(signal, labels, torch.Generator().manual_seed(0))
        return stripes(after, signal, dim)

    free, kept = masked(keep_boxes=False), masked(keep_boxes=True)
    covers = free[:, 20:24].all(1)
    assert 0 < covers.sum() < 400
    assert not kept[covers].any()
    assert torch.equal(kept[~covers], free[~covers])


def test_only_what_the_crop_holds_of_a_box_is_kept(one_box: MakeLabels) -> None:
    signal, labels = torch.randn(400, 1, 4, 40), one_box((-0.5, 0.1), batch=400)
    mask = Mask("time", 0.4, 1.0, keep_boxes=True)
    after, _ = mask(signal, labels, torch.Generator().manual_seed(0))
    assert not stripes(after, signal, -1)[:, :4].all(1).any()


def test_padding_is_no_box(one_box: MakeLabels) -> None:
    signal, labels = torch.randn(50, 1, 4, 40), one_box((0.5, 0.6), batch=50)
    boxes = labels.boxes._replace(species=torch.full((50, 1), -1))
    runs = [
        Mask("time", 0.4, 1.0, keep)(
            signal, labels._replace(boxes=boxes), torch.Generator().manual_seed(0)
        )[0]
        for keep in (True, False)
    ]
    assert torch.equal(*runs)


def test_an_unknown_axis_is_refused() -> None:
    with pytest.raises(ValueError, match="expected 'time' or 'frequency'"):
        Mask("up")  # pyright: ignore[reportArgumentType]
