from __future__ import annotations

from math import log

import numpy as np
import pytest
import torch

from loss.plain import bce, cells, given, looped, sigmoid
from rfcx_audio.batch import MIXED_BACKGROUND
from rfcx_audio.loss import ROLE, epr
from rfcx_audio.loss.role import estimate_step

ROWS = torch.tensor([[2, -1], [0, 3], [-1, -1], [4, -1], [1, -1]])
EXPECTED = 2.0


def sized(rate=1.0, num_rows=5):
    loss = ROLE(expected=EXPECTED, rate=rate)
    loss.estimates.resize(num_rows, 6)
    return loss


def label_of(estimates, crop, species):
    """That any of the crop's rows has the species."""
    none = 1.0
    for part, row in enumerate(ROWS[crop].tolist()):
        if row >= 0:
            none *= 1 - sigmoid(estimates[crop, part, species].item())
    return 1 - none


def count_by_loop(chance, target, known, crops):
    total = 0.0
    for i in crops:
        for j in range(6):
            k = known[i, j].item()
            total += (k * target[i, j].item() if k > 0 else 0.0) + (1 - k) * chance(i, j)
    return (total / len(crops) - EXPECTED) ** 2 / 36


def test_the_networks_half_equals_a_loop():
    logits, target, known = cells()
    loss = sized()
    loss.estimates.values.copy_(torch.tensor(np.random.default_rng(3).normal(size=(5, 6))))
    estimates = loss.estimates.read(ROWS).double() + log(EXPECTED / (6 - EXPECTED))
    penalty = count_by_loop(lambda i, j: sigmoid(logits[i, j].item()), target, known, range(5))

    def unknown_loss(i, j):
        agreement = bce(logits[i, j].item(), label_of(estimates, i, j)) if i != 2 else 0.0
        return agreement + penalty

    ours = loss(*given(logits, target, known, ROWS))
    cost, weight = looped(logits, target, known, unknown_loss, lambda *_: 1.0)
    np.testing.assert_allclose((ours.value * ours.weight).numpy(), cost, rtol=2e-6)
    np.testing.assert_allclose(ours.weight.numpy(), weight)


def test_the_tables_half_is_a_gradient_step_of_the_loss_of_a_loop():
    logits, target, known = cells(seed=1)
    scores = logits.sigmoid()
    estimates = torch.tensor(np.random.default_rng(2).normal(size=(5, 2, 6)))
    crops = [0, 1, 3, 4]

    def cost(table):
        total = 0.0
        for i in crops:
            for j in range(6):
                label, p = label_of(table, i, j), scores[i, j].item()
                cross = -p * log(label) - (1 - p) * log(1 - label)
                total += (1 - known[i, j].item()) * cross
        chance = count_by_loop(lambda i, j: label_of(table, i, j), target, known, crops)
        return total + len(crops) * 6 * chance

    new = estimate_step(estimates, ROWS, scores, target, known, EXPECTED, rate=0.1)
    step = 1e-6
    for place in [(0, 0, 0), (0, 0, 5), (1, 0, 2), (1, 1, 2), (3, 0, 1), (4, 0, 3), (0, 1, 1)]:
        there, back = estimates.clone(), estimates.clone()
        there[place] += step
        back[place] -= step
        slope = (cost(there) - cost(back)) / (2 * step)
        assert new[place].item() == pytest.approx(estimates[place].item() - 0.1 * slope, abs=1e-7)


def test_a_label_of_one_row_is_moved_by_its_difference_to_the_score():
    scores, nothing = torch.tensor([[0.9, 0.2]]), torch.zeros(1, 2)
    rows, estimates = torch.tensor([[0]]), torch.tensor([[[0.5, -1.0]]])
    labels = estimates.sigmoid()[0, 0]
    new = estimate_step(estimates, rows, scores, nothing, nothing, labels.sum().item(), 1.0)
    torch.testing.assert_close(new[0, 0], estimates[0, 0] - (labels - scores[0]))


def test_network_and_table_learn_each_other_and_known_cells_of_the_table_stay():
    logits, target, known = cells(hard=True)
    loss = sized()
    rows = torch.arange(5)[:, None]
    for _ in range(400):
        loss(*given(logits, target, known, rows))
        loss.estimates.commit()
    labels = (loss.estimates.values + log(EXPECTED / (6 - EXPECTED))).sigmoid()
    unknown = known == 0
    assert (loss.estimates.values[~unknown] == 0).all()
    # The network stands still: the labels come near its scores, but for the count.
    correlation = np.corrcoef(labels[unknown].numpy(), logits.sigmoid()[unknown].numpy())[0, 1]
    assert correlation > 0.99


def test_before_any_step_the_labels_sum_to_the_expected_count():
    loss = sized()
    nothing = torch.zeros(5, 6)
    rows = torch.arange(5)[:, None]
    leaf = torch.full((5, 6), log(EXPECTED / (6 - EXPECTED))).requires_grad_()
    loss(*given(leaf, nothing, nothing, rows)).value.sum().backward()
    assert leaf.grad is not None
    assert leaf.grad.abs().max() < 1e-6  # equal scores: nothing to learn


def test_a_mixture_with_background_moves_no_row():
    logits, target, known = cells(hard=True)
    loss = sized()
    loss(*given(logits, target, known, torch.tensor([[n, MIXED_BACKGROUND] for n in range(5)])))
    loss.estimates.commit()
    assert (loss.estimates.values == 0).all()
    loss(*given(logits, target, known, torch.tensor([[n, -1] for n in range(5)])))
    loss.estimates.commit()
    assert (loss.estimates.values != 0).any(1).all()


def test_crops_without_a_row_have_the_count_only_and_write_nothing():
    logits, target, known = cells(hard=True)
    loss = sized()
    rows = torch.full((5, 1), -1)
    ours = loss(*given(logits, target, known, rows))
    theirs = epr(logits, target, known, EXPECTED)
    torch.testing.assert_close(ours.value, theirs.value)
    loss.estimates.commit()
    assert (loss.estimates.values == 0).all()


@pytest.mark.parametrize("logit", [-1e4, 1e4])
def test_labels_stay_finite_for_any_logit(logit):
    loss = sized(rate=50.0)
    rows = torch.tensor([[0, 1], [2, -1], [3, 3], [4, 0], [1, -1]])
    for sign in (1, -1, 1, -1):
        leaf = torch.full((5, 6), sign * logit).requires_grad_()
        value = loss(*given(leaf, torch.zeros(5, 6), torch.zeros(5, 6), rows)).value
        value.sum().backward()
        loss.estimates.commit()
        assert value.isfinite().all()
        assert leaf.grad is not None
        assert leaf.grad.isfinite().all()
        assert loss.estimates.values.isfinite().all()


def test_without_rate_the_table_stays():
    loss = sized(rate=0.0)
    loss(*given(*cells(), rows=ROWS))
    loss.estimates.commit()
    assert loss.estimates.values.abs().max() < 1e-6


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="between 0 and 6"):
        ROLE(expected=6.0)(*given(*cells(), rows=ROWS))
    with pytest.raises(ValueError, match="labels have no rows"):
        sized()(*given(*cells()))
    with pytest.raises(ValueError, match="no size yet"):
        ROLE(EXPECTED)(*given(*cells(), rows=ROWS))


def test_it_shows_its_settings():
    assert "expected=2, rate=0.5" in repr(ROLE(2.0, 0.5))
