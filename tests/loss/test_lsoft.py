from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rfcx_audio.batch import Labels, Logits, unknown_labels
from rfcx_audio.loss import LSoft, Ramp, lsoft, masked_bce

NAN = float("nan")


def cells(seed: int = 0) -> tuple[torch.Tensor, ...]:
    """Logits, and targets and `known` that are hard and soft, known, partly known and unknown."""
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(5, 6, generator=generator, dtype=torch.float64)
    target = torch.rand(5, 6, generator=generator, dtype=torch.float64)
    known = torch.rand(5, 6, generator=generator, dtype=torch.float64)
    target[:3], known[:2] = target[:3].round(), known[:2].round()
    return logits, target, known


def loop(logits, target, known, beta, scope, predicted):
    """Cell by cell, statement by statement, in plain Python."""
    value = torch.zeros_like(logits)
    for row in range(logits.shape[0]):
        for column in range(logits.shape[1]):
            p = 1 / (1 + math.exp(-logits[row, column].item()))
            t, k = target[row, column].item(), known[row, column].item()
            q = 1 / (1 + math.exp(-predicted[row, column].item()))

            def bce(y, p=p):
                return -(y * math.log(p) + (1 - y) * math.log(1 - p))

            soft = bce((1 - beta) * q)
            if scope == "unknown":
                value[row, column] = k * bce(t) + (1 - k) * soft
            else:
                value[row, column] = k * t * bce(1.0) + (1 - k * t) * soft
    return value


@pytest.mark.parametrize("scope", ["unknown", "not_present"])
@pytest.mark.parametrize("taught", [False, True])
@pytest.mark.parametrize("beta", [0.0, 0.3, 1.0])
def test_it_equals_a_loop(scope, taught, beta):
    logits, target, known = cells()
    teacher = logits.flip(0) if taught else None
    value, weight = lsoft(logits, target, known, beta, scope, teacher=teacher)
    expected = loop(logits, target, known, beta, scope, logits.flip(0) if taught else logits)
    torch.testing.assert_close(value, expected)
    assert torch.equal(weight, torch.ones_like(weight))


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 1000))
def test_with_a_beta_of_one_it_is_cross_entropy_with_unknown_as_absent(seed):
    logits, target, known = cells(seed)
    plain = masked_bce(logits, target, known, unknown_weight=1.0)
    torch.testing.assert_close(lsoft(logits, target, known, 1.0), plain)
    hard = target.round(), known.round()
    plain = masked_bce(logits, *hard, unknown_weight=1.0)
    torch.testing.assert_close(lsoft(logits, *hard, 1.0, "not_present"), plain)


@pytest.mark.parametrize("scope", ["unknown", "not_present"])
@pytest.mark.parametrize("detach_target", [True, False])
def test_the_gradient_is_that_of_the_formula(scope, detach_target):
    beta = 0.4
    z, target, known = cells()
    target, known = target.round(), known.round()
    z.requires_grad_()
    lsoft(z, target, known, beta, scope, detach_target).value.sum().backward()
    p = z.detach().sigmoid()
    bootstrapped = known == 0 if scope == "unknown" else (known * target) == 0
    soft = beta * p  # of beta (p - y) with y = 0
    if not detach_target:
        soft = soft - (1 - beta) * z.detach() * p * (1 - p)
    torch.testing.assert_close(z.grad, torch.where(bootstrapped, soft, p - target))


def test_the_gradient_through_the_target_is_that_of_finite_differences():
    logits, target, known = cells()
    logits.requires_grad_()

    def total(z):
        return lsoft(z, target, known, 0.4, detach_target=False).value.sum()

    assert torch.autograd.gradcheck(total, (logits,))


@pytest.mark.parametrize("scope", ["unknown", "not_present"])
def test_what_lies_in_unknown_targets_has_no_influence(scope):
    logits, target, known = cells()
    garbage = torch.where(known > 0, target, NAN)
    ours = lsoft(logits, garbage, known, 0.5, scope).value
    assert torch.equal(ours, lsoft(logits, target, known, 0.5, scope).value)


def test_the_teacher_learns_nothing():
    logits, target, known = cells()
    logits.requires_grad_()
    teacher = torch.zeros_like(logits, requires_grad=True)
    lsoft(logits, target, known, 0.5, detach_target=False, teacher=teacher).value.sum().backward()
    assert teacher.grad is None


@pytest.mark.parametrize("detach_target", [True, False])
def test_it_is_finite_for_huge_logits(detach_target):
    logits = torch.tensor([[-1e4, -100.0, 0.0, 100.0, 1e4]], requires_grad=True)
    value, _ = lsoft(logits, torch.zeros(1, 5), torch.zeros(1, 5), 0.5, "unknown", detach_target)
    value.sum().backward()
    assert value.isfinite().all()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


def test_wrong_arguments_are_refused():
    cell = torch.zeros(2, 3)
    with pytest.raises(ValueError, match=r"beta is 1\.5"):
        lsoft(cell, cell, cell, 1.5)
    with pytest.raises(ValueError, match="'known' does not exist; choose unknown, not_present"):
        LSoft(scope="known")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="beta is -1"):
        LSoft(beta=Ramp(1.0, -1.0))
    with pytest.raises(ValueError, match="choose self or ema"):
        LSoft(teacher="peer")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="one shape"):
        lsoft(cell, cell, cell, 0.5, teacher=torch.zeros(2, 1))


def test_the_module_is_the_function_of_the_clip():
    logits, target, known = cells()
    labels = unknown_labels(5, 6)._replace(clip=Labels(target, known))
    loss = LSoft("not_present", 0.3, detach_target=False, teacher="ema")
    teacher = logits.flip(0)
    ours = loss(Logits(logits, torch.full((5, 2, 6), NAN), teacher), labels).value
    theirs = lsoft(logits, target, known, 0.3, "not_present", False, teacher).value
    assert torch.equal(ours, theirs)


def test_a_module_that_asks_itself_does_not_look_at_a_teacher():
    logits, target, known = cells()
    labels = unknown_labels(5, 6)._replace(clip=Labels(target, known))
    ours = LSoft()(Logits(logits, logits[:, None], torch.full_like(logits, NAN)), labels).value
    assert torch.equal(ours, lsoft(logits, target, known, 0.5).value)


def test_a_ramp_is_found_among_the_modules_and_followed():
    logits, target, known = cells()
    labels = unknown_labels(5, 6)._replace(clip=Labels(target, known))
    loss = LSoft(beta=Ramp(1.0, 0.0))
    (ramp,) = (part for part in loss.modules() if isinstance(part, Ramp))
    ramp.progress = 0.75
    ours = loss(Logits(logits, logits[:, None]), labels).value
    assert torch.equal(ours, lsoft(logits, target, known, 0.25).value)


def test_the_error_of_a_missing_teacher_names_the_key_that_makes_one():
    logits, _, _ = cells()
    with pytest.raises(ValueError, match=r"method\.ema_decay"):
        LSoft(teacher="ema")(Logits(logits, logits[:, None]), unknown_labels(5, 6))


def test_by_default_no_gradient_passes_through_the_target():
    logits, target, known = cells()
    labels = unknown_labels(5, 6)._replace(clip=Labels(target, known))
    for passes in (None, True, False):
        how = {} if passes is None else {"detach_target": passes}
        z = logits.clone().requires_grad_()
        lsoft(z, target, known, 0.5, **how).value.sum().backward()
        of_function = z.grad
        z = logits.clone().requires_grad_()
        LSoft(**how)(Logits(z, z[:, None]), labels).value.sum().backward()
        assert torch.equal(z.grad, of_function)
        if passes is None:
            default = of_function
        else:
            assert torch.equal(default, of_function) == passes


def test_a_teacher_of_half_precision_gives_a_loss_in_full_precision():
    logits, target, known = (part.float() for part in cells())
    teacher = logits.flip(0).half()
    ours = lsoft(logits, target, known, 0.5, teacher=teacher).value
    assert torch.equal(ours, lsoft(logits, target, known, 0.5, teacher=teacher.float()).value)


def test_it_shows_its_settings():
    assert "beta=0.5, scope=unknown, detach_target=True, teacher=self" in repr(LSoft())
    assert "(): beta" not in repr(LSoft(beta=Ramp(1.0, 0.5)))
    assert "LSoft(\n  scope=unknown" in repr(LSoft(beta=Ramp(1.0, 0.5)))
