from __future__ import annotations

import math

import pytest
import torch

from loss.plain import bce, cells, given, looped, same
from rfcx_audio.loss import LargeLoss, Ramp, large_loss, masked_bce
from rfcx_audio.loss.large_loss import large_cells


def largest_by_loop(logits, known, share):
    """The places of the largest losses among unknown cells, the paper's rule."""
    unknown = [
        (i, j) for i in range(len(logits)) for j in range(logits.shape[1]) if known[i, j] == 0
    ]
    unknown.sort(key=lambda place: -bce(logits[place].item(), 0.0))
    return set(unknown[: math.ceil(share * len(unknown) - 1e-6)])


@pytest.mark.parametrize("variant", ["reject", "correct_temporarily"])
@pytest.mark.parametrize("share", [0.0, 0.05, 0.3, 1.0])
def test_it_equals_a_loop(variant, share):
    logits, target, known = cells()
    large = largest_by_loop(logits, known, share)

    def unknown_loss(*place):
        return bce(logits[place].item(), 1.0 if place in large else 0.0)

    def weight(*place):
        return 0.0 if place in large and variant == "reject" else 0.7

    chosen = large_cells(logits, known, share)
    ours = large_loss(logits, target, known, chosen, variant, 0.7)
    same(ours, looped(logits, target, known, unknown_loss, weight))


def test_the_share_counts_unknown_cells_and_rounds_up():
    logits, known = torch.arange(20.0).view(2, 10), torch.zeros(2, 10)
    assert [int(large_cells(logits, known, s).sum()) for s in (0.0, 0.01, 0.05, 0.1, 0.11)] == [
        0,
        1,
        1,
        2,
        3,
    ]
    known[1] = 1.0
    assert large_cells(logits, known, 0.1).nonzero().tolist() == [[0, 9]]


@pytest.mark.parametrize("variant", ["reject", "correct_temporarily", "correct_permanently"])
def test_nothing_is_corrected_in_the_first_epoch(variant):
    logits, labels = given(*cells(hard=True), rows=torch.arange(5)[:, None])
    epochs, delta = 10, 0.02
    ramp = Ramp(0.0, (epochs - 1) * delta, begin=1 / epochs, end=1.0)
    loss = LargeLoss(variant, ramp)
    if loss.corrected is not None:
        loss.corrected.resize(5, 6)
    plain = masked_bce(logits.clip, *labels.clip, unknown_weight=1.0)
    for progress in (0.0, 0.05, 0.0999):
        ramp.progress = progress
        ours = loss(logits, labels)
        torch.testing.assert_close(ours.value * ours.weight, plain.value)
    for epoch in (2, 5, 10):  # reached when the epoch ends
        ramp.progress = epoch / epochs
        assert ramp.value == pytest.approx((epoch - 1) * delta)


def permanent(share=0.1):
    loss = LargeLoss("correct_permanently", share)
    assert loss.corrected is not None
    loss.corrected.resize(10, 6)
    return loss, loss.corrected


def test_a_permanent_correction_holds_in_other_crops_of_the_row():
    logits, target, known = cells(hard=True)
    loss, table = permanent()
    rows = torch.tensor([[3], [0], [7], [-1], [5]])
    loss(*given(logits, target, known, rows))
    chosen = large_cells(logits, known, 0.1)
    assert not table.values.any()  # not before the step is over
    table.commit()
    for crop, row in enumerate(rows.flatten().tolist()):
        if row >= 0:
            assert torch.equal(table.values[row] > 0, chosen[crop])
    assert table.values.sum() == chosen[rows.flatten() >= 0].sum()

    loss.share = 0.0
    other = torch.zeros_like(logits)
    value, weight = loss(*given(other, target, 0 * known, rows))
    present = value * weight  # at a logit of 0 both cost ln 2, but they pull apart
    assert torch.allclose(present, torch.full_like(present, math.log(2)))
    leaf = other.clone().requires_grad_()
    loss(*given(leaf, target, 0 * known, rows)).value.sum().backward()
    assert leaf.grad is not None
    expected = torch.where(table.read(rows)[:, 0] > 0, -0.5, 0.5).double()
    torch.testing.assert_close(leaf.grad, expected)


def test_a_permanent_correction_does_not_change_a_known_absence():
    loss, table = permanent()
    table.values.fill_(1.0)
    leaf = torch.zeros(1, 6, requires_grad=True)
    rows = torch.tensor([[2]])
    loss(*given(leaf, torch.zeros(1, 6), torch.ones(1, 6), rows)).value.sum().backward()
    assert leaf.grad is not None
    assert (leaf.grad > 0).all()


def test_in_a_mixture_corrections_count_and_new_ones_are_temporary():
    loss, table = permanent(share=0.5)
    table.values[4, 1] = 1.0
    before = table.values.clone()
    logits = torch.tensor([[9.0, -9.0, 0.0, 0.0, 0.0, 0.0]], requires_grad=True)
    rows = torch.tensor([[2, 4]])
    loss(*given(logits, torch.zeros(1, 6), torch.zeros(1, 6), rows)).value.sum().backward()
    table.commit()
    assert torch.equal(table.values, before)
    assert logits.grad is not None
    assert logits.grad[0, 1] < 0  # corrected before, in one of its crops
    assert logits.grad[0, 0] < 0  # large, so corrected for this step


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match=r"'flip' .*reject, correct"):
        LargeLoss("flip")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="share is 2"):
        large_cells(torch.zeros(1, 2), torch.zeros(1, 2), 2)
    with pytest.raises(ValueError, match="keeps a table of the training rows"):
        LargeLoss("correct_permanently")(*given(*cells()))


def test_it_shows_its_settings():
    assert repr(LargeLoss(share=0.1)) == "LargeLoss(variant=reject, share=0.1, unknown_weight=1)"
