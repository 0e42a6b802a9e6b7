from __future__ import annotations

import numpy as np
import pytest
import torch

from loss.plain import bce, cells, given, looped, same, sigmoid
from rfcx_audio.loss import CSL, csl, masked_bce
from rfcx_audio.loss.csl import mean_presence

PRIOR = [0.9, 0.01, 0.3, 0.31, 0.0, 0.2]


@pytest.mark.parametrize("likeliest", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("gamma", [0.0, 4.0])
def test_it_equals_a_loop(likeliest, gamma):
    logits, target, known = cells()
    unknown = [place for place in np.ndindex(5, 6) if known[place] < 1]
    unknown.sort(key=lambda place: -logits[place].item())
    top = set(unknown[: round(likeliest * 5)])

    def weight(row, column):
        return 0.0 if (row, column) in top or PRIOR[column] > 0.3 else 1.0

    def unknown_loss(*place):
        z = logits[place].item()
        return sigmoid(z) ** gamma * bce(z, 0.0)

    prior = torch.tensor(PRIOR, dtype=torch.float64)
    ours = csl(logits, target, known, prior, 0.3, likeliest, gamma)
    same(ours, looped(logits, target, known, unknown_loss, weight))


def test_between_its_limits_it_is_masked_or_plain_cross_entropy():
    logits, target, known = cells()
    nothing = torch.zeros(6, dtype=torch.float64)
    for threshold, unknown_weight in ((-1.0, 0.0), (1.0, 1.0)):
        ours = csl(logits, target, known, nothing, threshold, likeliest=0.0, gamma=0.0)
        theirs = masked_bce(logits, target, known, unknown_weight)
        torch.testing.assert_close(ours.value * ours.weight, theirs.value * theirs.weight)
        torch.testing.assert_close(ours.weight, theirs.weight)


def test_the_mean_presence_takes_the_known_as_known():
    logits, target, known = cells()
    ours = mean_presence(logits, target, known)
    for species in range(6):
        total = 0.0
        for crop in range(5):
            k, z = known[crop, species].item(), logits[crop, species].item()
            total += (k * target[crop, species].item() if k else 0.0) + (1 - k) * sigmoid(z)
        assert ours[species].item() == pytest.approx(total / 5)


def test_it_learns_with_weak_negatives_until_it_has_estimated_the_prior():
    loss = CSL(start=0.5, first_weight=0.2)
    assert loss.estimate is not None
    means = []
    for seed in range(3):
        logits, labels = given(*cells(seed))
        ours, theirs = loss(logits, labels), masked_bce(logits.clip, *labels.clip, 0.2)
        assert torch.equal(ours.value, theirs.value)
        assert torch.equal(ours.weight, theirs.weight)
        loss.estimate.commit()
        means.append(mean_presence(logits.clip, *labels.clip))
    expected = means[0]
    for mean in means[1:]:
        expected = 0.99 * expected + 0.01 * mean
    torch.testing.assert_close(loss.estimate.values[0], expected.float())

    loss.begun.progress = 0.5
    logits, labels = given(*cells(4))
    theirs = csl(logits.clip, *labels.clip, loss.estimate.values[0])
    assert torch.equal(loss(logits, labels).weight, theirs.weight)
    before = loss.estimate.values.clone()
    loss.estimate.commit()
    assert torch.equal(loss.estimate.values, before)


def test_a_prior_that_is_given_is_used_at_once():
    loss = CSL(prior=PRIOR)
    prior = torch.tensor(PRIOR, dtype=torch.float64)
    assert torch.equal(loss(*given(*cells())).weight, csl(*cells(), prior).weight)


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="no time to estimate"):
        CSL(start=0.0)
    with pytest.raises(ValueError, match="prior has 2 numbers for 6 species"):
        CSL(prior=[0.1, 0.2])(*given(*cells()))
    with pytest.raises(ValueError, match="likeliest"):
        csl(*cells(), torch.zeros(6), likeliest=-1)


def test_it_shows_its_settings():
    assert "prior=[0.5], first_weight=0.1, threshold=0.3, likeliest=1, gamma=4" in repr(CSL([0.5]))
