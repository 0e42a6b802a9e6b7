from __future__ import annotations

import math

import pytest
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st

from rfcx_audio.batch import Labels, Logits, unknown_labels
from rfcx_audio.loss import MaskedFocal, masked_bce, masked_focal


def cells(seed: int = 0) -> tuple[torch.Tensor, ...]:
    """Logits, soft targets and fractional `known`."""
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(4, 5, generator=generator, dtype=torch.float64)
    target = torch.rand(4, 5, generator=generator, dtype=torch.float64)
    known = torch.rand(4, 5, generator=generator, dtype=torch.float64)
    return logits, target, known * known.round()


@pytest.mark.parametrize("alpha", [None, 0.25])
@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_hard_targets_cost_as_much_as_in_torchvision(gamma, alpha):
    logits, target, _ = cells()
    target = target.round()
    theirs = torchvision.ops.sigmoid_focal_loss(
        logits, target, alpha=-1 if alpha is None else alpha, gamma=gamma
    )
    ours = masked_focal(logits, target, torch.ones_like(target), gamma, alpha).value
    torch.testing.assert_close(ours, theirs)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 1000), unknown_weight=st.floats(0, 1))
def test_without_focus_it_is_masked_cross_entropy(seed, unknown_weight):
    logits, target, known = cells(seed)
    ours = masked_focal(logits, target, known, 0.0, None, unknown_weight)
    theirs = masked_bce(logits, target, known, unknown_weight)
    torch.testing.assert_close(ours.value, theirs.value)
    assert torch.equal(ours.weight, theirs.weight)


def test_an_alpha_of_one_half_halves_every_cost():
    logits, target, known = cells()
    half = masked_focal(logits, target, known, alpha=0.5).value
    torch.testing.assert_close(half, 0.5 * masked_focal(logits, target, known).value)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 1000), gamma=st.floats(0, 5))
def test_focus_only_ever_lowers_a_cost(seed, gamma):
    logits, target, known = cells(seed)
    focal = masked_focal(logits, target, known, gamma).value
    assert (focal <= masked_bce(logits, target, known).value + 1e-12).all()
    assert (focal >= 0).all()


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 1000))
def test_a_soft_target_blends_the_two_sides(seed):
    logits, target, _ = cells(seed)
    ones = torch.ones_like(target)
    present = masked_focal(logits, ones, ones).value
    absent = masked_focal(logits, 0 * ones, ones).value
    torch.testing.assert_close(
        masked_focal(logits, target, ones).value, target * present + (1 - target) * absent
    )


def test_unknown_species_receive_no_gradient_and_their_target_has_no_influence():
    logits, target, known = cells()
    logits.requires_grad_()
    garbage = torch.where(known > 0, target, float("nan"))
    value, weight = masked_focal(logits, garbage, known)
    (value * weight).sum().backward()
    assert logits.grad is not None
    assert (logits.grad[known == 0] == 0).all()
    assert (logits.grad[known > 0] != 0).all()


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_the_gradient_is_that_of_finite_differences(gamma):
    logits, target, known = cells()
    logits.requires_grad_()

    def total(z):
        value, weight = masked_focal(z, target, known, gamma, 0.25, 0.1)
        return (value * weight).sum()

    assert torch.autograd.gradcheck(total, (logits,))


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("answer", [0.0, 1.0])
def test_the_gradient_is_finite_for_huge_logits(gamma, answer):
    logits = torch.tensor([[-1e4, -100.0, 0.0, 100.0, 1e4]], requires_grad=True)
    ones = torch.ones_like(logits)
    masked_focal(logits, answer * ones, ones, gamma).value.sum().backward()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


def test_each_species_may_have_its_own_weight():
    logits, target, known = cells()
    weight = masked_focal(
        logits, target, 0 * known, unknown_weight=[0.0, 0.1, 0.2, 0.3, 1.0]
    ).weight
    assert weight[0].tolist() == [0.0, 0.1, 0.2, 0.3, 1.0]


def test_wrong_arguments_are_refused():
    cell = torch.zeros(2, 3)
    with pytest.raises(ValueError, match="gamma"):
        masked_focal(cell, cell, cell, gamma=-1.0)
    with pytest.raises(ValueError, match="alpha"):
        masked_focal(cell, cell, cell, alpha=2.0)
    for wrong in ({"gamma": -1.0}, {"alpha": -0.1}, {"unknown_weight": 2.0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            MaskedFocal(**wrong)
    with pytest.raises(ValueError, match="one shape"):
        masked_focal(cell, torch.zeros(2, 1), torch.zeros(2, 1))


def test_the_module_is_the_function_of_the_clip():
    logits, target, known = cells()
    loss = MaskedFocal(gamma=1.0, alpha=0.25, unknown_weight=0.5)
    labels = unknown_labels(4, 5)._replace(clip=Labels(target, known))
    ours = loss(Logits(logits, logits.unsqueeze(1)), labels)
    theirs = masked_focal(logits, target, known, 1.0, 0.25, 0.5)
    assert torch.equal(ours.value, theirs.value)
    assert repr(loss) == "MaskedFocal(gamma=1, alpha=0.25, unknown_weight=0.5)"


def test_one_side_may_be_left_out():
    logits, known = torch.tensor([[0.3, -0.2]]), torch.ones(1, 2)
    target = torch.tensor([[1.0, 0.0]])
    assert (masked_focal(logits, target, known, alpha=0.0).value > 0).tolist() == [[False, True]]
    assert (masked_focal(logits, target, known, alpha=1.0).value > 0).tolist() == [[True, False]]


def test_by_default_gamma_is_two_and_unknown_cells_are_left_out():
    logits, target = torch.tensor([[0.0, 0.0]]), torch.tensor([[1.0, 1.0]])
    known = torch.tensor([[1.0, 0.0]])
    value, weight = masked_focal(logits, target, known)
    assert value[0, 0].item() == pytest.approx(0.25 * math.log(2))
    assert weight.tolist() == [[1.0, 0.0]]
    loss = MaskedFocal()
    assert (loss.gamma, loss.alpha, loss.unknown_weight) == (2.0, None, 0.0)
