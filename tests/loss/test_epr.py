from __future__ import annotations

import pytest
import torch

from loss.plain import cells, given, looped, same, sigmoid
from rfcx_audio.loss import EPR, epr, masked_bce
from rfcx_audio.loss.epr import count_penalty


def penalty(logits, target, known, expected):
    """As the paper writes it, with what is known in its place."""
    total = 0.0
    for z_row, t_row, k_row in zip(*(t.tolist() for t in (logits, target, known)), strict=True):
        for z, t, k in zip(z_row, t_row, k_row, strict=True):
            total += (k * t if k > 0 else 0.0) + (1 - k) * sigmoid(z)
    return (total / len(logits) - expected) ** 2 / logits.shape[1] ** 2


@pytest.mark.parametrize("weight", [0.5, 1.0])
def test_it_equals_a_loop(weight):
    logits, target, known = cells()
    regularised = penalty(logits, target, known, 2.0)
    loop = looped(logits, target, known, lambda *_: regularised, lambda *_: weight)
    same(epr(logits, target, known, 2.0, weight), loop)


def test_at_the_expected_count_unknown_cells_cost_nothing_and_learn_nothing():
    logits, target, known = cells(hard=True)
    logits = logits.requires_grad_()
    present = torch.where(known > 0, target, logits.detach().sigmoid())
    value, weight = epr(logits, target, known, present.sum(1).mean().item())
    assert value[known == 0].abs().max() < 1e-30
    (value * weight)[known == 0].sum().backward()
    assert logits.grad is not None
    assert logits.grad.abs().max() < 1e-15


@pytest.mark.parametrize(("expected", "sign"), [(0.0, 1), (6.0, -1)])
def test_unknown_cells_are_pulled_towards_the_expected_count_and_known_ones_are_not(expected, sign):
    logits, target, known = cells(hard=True)
    logits = logits.requires_grad_()
    count_penalty(logits.sigmoid(), target, known, expected).backward()
    assert logits.grad is not None
    assert (sign * logits.grad[known == 0] > 0).all()
    assert (logits.grad[known == 1] == 0).all()


def test_the_mean_over_all_cells_is_the_papers_loss():
    logits, target, known = cells(hard=True)
    value, weight = epr(logits, target, known, 2.0)
    cross = masked_bce(logits, target, known)
    regularised = penalty(logits, target, known, 2.0) * (known == 0).double().mean()
    torch.testing.assert_close(
        (value * weight).mean(), cross.value[known > 0].sum() / 30 + regularised
    )


def test_without_weight_it_is_masked_cross_entropy():
    logits, target, known = cells(hard=True)
    ours, theirs = epr(logits, target, known, 2.0, 0.0), masked_bce(logits, target, known)
    torch.testing.assert_close(ours.value * ours.weight, theirs.value * theirs.weight)
    torch.testing.assert_close(ours.weight, theirs.weight)


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match=r"expected \(7.0\) must lie in \[0, 6\]"):
        epr(*cells(), expected=7.0)
    with pytest.raises(ValueError, match="weight"):
        epr(*cells(), expected=1.0, weight=-1.0)


def test_the_module_is_the_function_of_the_clip():
    loss = EPR(expected=2.0, weight=0.5)
    assert torch.equal(loss(*given(*cells())).value, epr(*cells(), 2.0, 0.5).value)
    assert repr(loss) == "EPR(expected=2, weight=0.5)"
