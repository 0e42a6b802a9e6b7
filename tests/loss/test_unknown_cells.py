from __future__ import annotations

import numpy as np
import pytest
import torch

from loss.plain import cells, looped, same
from rfcx_audio.loss import known_and_unknown, masked_bce
from rfcx_audio.loss.unknown_cells import exact, largest


def test_it_equals_a_loop_also_with_a_weight_for_each_species():
    logits, target, known = cells()
    unknown_loss = torch.tensor(np.random.default_rng(1).normal(size=logits.shape))
    weights = [0.0, 0.1, 0.3, 0.5, 0.9, 1.0]
    ours = known_and_unknown(logits, target, known, unknown_loss, weights)
    same(
        ours,
        looped(
            logits, target, known, lambda i, j: unknown_loss[i, j].item(), lambda _, j: weights[j]
        ),
    )


def test_with_the_cost_of_absence_it_is_masked_cross_entropy():
    logits, target, known = cells()
    absent = torch.nn.functional.softplus(logits)
    ours = known_and_unknown(logits, target, known, absent, 0.3)
    theirs = masked_bce(logits, target, known, 0.3)
    torch.testing.assert_close(ours.value * ours.weight, theirs.value * theirs.weight)
    torch.testing.assert_close(ours.weight, theirs.weight)


def test_shapes_that_differ_are_refused():
    with pytest.raises(ValueError, match="one shape"):
        known_and_unknown(
            torch.zeros(2, 3), torch.zeros(2, 1), torch.zeros(2, 3), torch.zeros(2, 3)
        )


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(dtype):
    assert exact(torch.zeros(1, 1, dtype=dtype)).dtype == torch.float32
    assert exact(torch.zeros(1, 1, dtype=torch.float64)).dtype == torch.float64


@pytest.mark.parametrize("count", [0, 1, 3, 100])
def test_the_largest_are_those_that_sorting_finds(count):
    rng = np.random.default_rng(0)
    value, among = rng.normal(size=(4, 5)), rng.random((4, 5)) < 0.6
    ours = largest(torch.tensor(value), torch.tensor(among), count)
    places = sorted((p for p in np.ndindex(4, 5) if among[p]), key=lambda p: -value[p])
    expected = np.zeros((4, 5), dtype=bool)
    for place in places[:count]:
        expected[place] = True
    assert (ours.numpy() == expected).all()


def test_of_equal_values_the_first_are_chosen():
    chosen = largest(torch.zeros(2, 2), torch.ones(2, 2, dtype=torch.bool), 2)
    assert chosen.tolist() == [[True, True], [False, False]]
