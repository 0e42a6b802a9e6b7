from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F  # noqa: N812

from rfcx_audio.batch import Labels, Logits, unknown_labels
from rfcx_audio.loss import MaskedBCE, masked_bce, reduce_cells


def cells(seed: int = 0, batch: int = 6, species: int = 5) -> tuple[torch.Tensor, ...]:
    """Logits, hard targets and hard `known`."""
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(batch, species, generator=generator, dtype=torch.float64)
    target = torch.rand(batch, species, generator=generator, dtype=torch.float64).round()
    known = torch.rand(batch, species, generator=generator, dtype=torch.float64).round()
    return logits, target, known


def loop(logits, target, known, unknown_weight):
    """Cell by cell, statement by statement, in plain Python."""
    value, weight = torch.zeros_like(logits), torch.zeros_like(logits)
    for row in range(logits.shape[0]):
        for column in range(logits.shape[1]):
            p = 1 / (1 + math.exp(-logits[row, column].item()))
            k, t = known[row, column].item(), target[row, column].item()
            labelled = k * -(t * math.log(p) + (1 - t) * math.log(1 - p)) if k > 0 else 0.0
            assumed = unknown_weight * (1 - k) * -math.log(1 - p)
            weight[row, column] = k + unknown_weight * (1 - k)
            value[row, column] = labelled + assumed  # the product of value and weight
    return value, weight


@pytest.mark.parametrize("unknown_weight", [0.0, 1 / 23, 1.0])
@pytest.mark.parametrize("soft", [False, True])
def test_it_equals_a_loop(unknown_weight, soft):
    logits, target, known = cells()
    if soft:
        target, known = 0.8 * target + 0.1, 0.7 * known
    value, weight = masked_bce(logits, target, known, unknown_weight)
    costs, weights = loop(logits, target, known, unknown_weight)
    torch.testing.assert_close(weight, weights)
    torch.testing.assert_close(value * weight, costs)


def test_known_cells_cost_as_much_as_in_pytorch():
    logits, target, known = cells()
    value, weight = masked_bce(logits, target, known)
    theirs = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    assert torch.equal(value[known > 0], theirs[known > 0])
    assert torch.equal(weight, known)


def test_with_an_unknown_weight_of_one_it_is_plain_cross_entropy_of_absence():
    logits, target, known = cells()
    value, weight = masked_bce(logits, target, known, unknown_weight=1.0)
    theirs = F.binary_cross_entropy_with_logits(logits, target * known, reduction="none")
    assert torch.equal(value, theirs)
    assert torch.equal(weight, torch.ones_like(weight))


def test_a_half_known_positive_counts_half():
    logits = torch.tensor([[0.4]])
    value, weight = masked_bce(logits, torch.ones(1, 1), torch.full((1, 1), 0.5))
    torch.testing.assert_close(value, F.softplus(-logits))
    assert weight.item() == 0.5


def test_unknown_species_receive_no_gradient():
    logits, target, known = cells()
    logits.requires_grad_()
    value, weight = masked_bce(logits, target, known)
    (value * weight).sum().backward()
    assert logits.grad is not None
    assert (logits.grad[known == 0] == 0).all()
    assert (logits.grad[known == 1] != 0).all()


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 1000), unknown_weight=st.floats(0, 1))
def test_what_lies_in_unknown_targets_has_no_influence(seed, unknown_weight):
    logits, target, known = cells(seed)
    logits.requires_grad_()
    garbage = torch.where(known > 0, target, float("nan"))
    value, weight = masked_bce(logits, garbage, known, unknown_weight)
    clean_value, clean_weight = masked_bce(logits, target * known, known, unknown_weight)
    assert torch.equal(value, clean_value)
    assert torch.equal(weight, clean_weight)
    (gradient,) = torch.autograd.grad((value * weight).sum(), logits)
    assert gradient.isfinite().all()


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 1000), unknown_weight=st.floats(0, 1))
def test_the_weighted_cost_is_linear_between_the_two_limits(seed, unknown_weight):
    logits, target, known = cells(seed)

    def costs(u):
        value, weight = masked_bce(logits, target, 0.5 * known, u)
        return value * weight

    between = (1 - unknown_weight) * costs(0.0) + unknown_weight * costs(1.0)
    torch.testing.assert_close(costs(unknown_weight), between)


def test_the_gradient_is_that_of_finite_differences():
    logits, target, known = cells(batch=2, species=3)
    logits.requires_grad_()
    known = 0.3 + 0.5 * known

    def total(z):
        value, weight = masked_bce(z, target, known, 0.2)
        return (value * weight).sum()

    assert torch.autograd.gradcheck(total, (logits,))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_logits_in_half_precision_cost_float32(dtype):
    logits, target, known = (tensor.float() for tensor in cells())
    value, weight = masked_bce(logits.to(dtype), target, known)
    assert value.dtype == weight.dtype == torch.float32
    torch.testing.assert_close(value, masked_bce(logits.to(dtype).float(), target, known).value)


def test_a_weight_that_is_no_share_is_refused_at_once():
    with pytest.raises(ValueError, match="unknown_weight is 2"):
        MaskedBCE(2.0)


def test_shapes_that_differ_are_refused():
    with pytest.raises(ValueError, match="size"):
        masked_bce(torch.zeros(2, 4), torch.zeros(2, 3), torch.zeros(2, 3))


def test_the_module_is_the_function_of_the_clip():
    logits, target, known = cells()
    loss = MaskedBCE(unknown_weight=0.25)
    labels = unknown_labels(6, 5)._replace(clip=Labels(target, known))
    ours = loss(Logits(logits, torch.full((6, 2, 5), float("nan"))), labels)
    theirs = masked_bce(logits, target, known, 0.25)
    assert torch.equal(ours.value, theirs.value)
    assert torch.equal(ours.weight, theirs.weight)
    assert repr(loss) == "MaskedBCE(unknown_weight=0.25, smoothing=0)"


def test_each_species_may_have_its_own_weight():
    logits, target, known = cells()
    weights = [0.0, 0.2, 0.5, 0.9, 1.0]
    ours = masked_bce(logits, target, known, weights)
    for species, weight in enumerate(weights):
        alone = masked_bce(*(t[:, [species]] for t in (logits, target, known)), weight)
        torch.testing.assert_close(ours.value[:, [species]], alone.value)
        torch.testing.assert_close(ours.weight[:, [species]], alone.weight)


def test_smoothed_absence_is_cross_entropy_with_the_smoothed_target():
    logits, target, known = cells()
    value, weight = masked_bce(logits, target, known, unknown_weight=1.0, smoothing=0.05)
    soft = torch.where(known > 0, target, 0.05)
    theirs = F.binary_cross_entropy_with_logits(logits, soft, reduction="none")
    torch.testing.assert_close(value, theirs)
    assert (weight == 1).all()


def test_reduced_it_is_the_mean_over_known_cells():
    logits, target, known = cells()
    ours = reduce_cells(masked_bce(logits, target, known), Labels(target, known), "known")
    bce = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    torch.testing.assert_close(ours, (known * bce).sum() / known.sum())
