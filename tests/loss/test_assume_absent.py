from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rfcx_audio.loss import assume_absent

share = st.floats(0, 1, allow_subnormal=False).map(lambda x: 0.0 if x < 1e-6 else x)


@given(
    target=share,
    known=share,
    unknown_weight=share,
    smoothing=share,
    probability=st.floats(0.01, 0.99),
)
def test_one_cell_costs_what_its_two_statements_cost(
    target, known, unknown_weight, smoothing, probability
):
    p = torch.tensor(probability, dtype=torch.float64)

    def bce(y):
        return -(y * p.log() + (1 - y) * (1 - p).log())

    t, k = (torch.tensor([x], dtype=torch.float64) for x in (target, known))
    y, w = assume_absent(t, k, unknown_weight, smoothing)
    separately = k * bce(t) + unknown_weight * (1 - k) * bce(torch.full_like(t, smoothing))
    torch.testing.assert_close(w * bce(y), separately)


@given(target=share, known=share, unknown_weight=share)
def test_target_and_weight_stay_in_their_range(target, known, unknown_weight):
    y, w = assume_absent(torch.tensor([target]), torch.tensor([known]), unknown_weight)
    assert 0 <= y <= 1 + 1e-6
    assert known - 1e-6 <= w <= 1 + 1e-6


def test_known_labels_pass_unchanged_whatever_the_unknown_weigh():
    target, known = torch.tensor([[1.0, 0.0, 0.3]]), torch.ones(1, 3)
    for unknown_weight in (0.0, 0.2, 1.0):
        y, w = assume_absent(target, known, unknown_weight, smoothing=0.3)
        torch.testing.assert_close(y, target)
        torch.testing.assert_close(w, known)


def test_an_unknown_target_has_no_influence_even_as_nan():
    target = torch.tensor([[float("nan"), 1.0, float("inf")]])
    y, w = assume_absent(target, torch.zeros(1, 3), 0.5)
    assert torch.equal(y, torch.zeros(1, 3))
    assert torch.equal(w, torch.full((1, 3), 0.5))


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        assume_absent(torch.zeros(1, 3), torch.zeros(1, 3), 1.5)
    with pytest.raises(ValueError, match=r"\(1, 3\) and known \(1, 1\)"):
        assume_absent(torch.zeros(1, 3), torch.zeros(1, 1))


def test_by_default_unknown_cells_have_no_weight():
    assert torch.equal(assume_absent(torch.zeros(1, 3), torch.zeros(1, 3)).known, torch.zeros(1, 3))
