from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, log_loss, roc_auc_score
from torchmetrics import MetricCollection

from rfcx_audio.metric import (
    MacroAveragePrecision,
    MaskedAUROC,
    MaskedLogLoss,
    PooledAUROC,
    average_precision,
    masked_auroc,
    masked_log_loss,
    pooled_auroc,
)

SPECIES = 4
SIDES = ("present", "absent", "balanced")


def tables(seed: int, n: int = 25, levels: int | None = None) -> tuple[torch.Tensor, ...]:
    """Scores in (0, 1) (with ties if `levels` is given), target and fractional `known`."""
    generator = torch.Generator().manual_seed(seed)
    scores = 0.01 + 0.98 * torch.rand(n, SPECIES, generator=generator)
    if levels is not None:
        scores = (levels * scores).floor() / levels
    target = (torch.rand(n, SPECIES, generator=generator) < 0.4).float()
    known = (torch.rand(n, SPECIES, generator=generator) - 0.4).clamp(min=0)
    return scores, target, known


def columns(scores, target, known):
    """For each species its known truth and scores, as numpy."""
    for s, t, k in zip(scores.T, target.T, known.T, strict=True):
        yield t[k > 0].numpy(), s[k > 0].double().numpy()


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 40), levels=st.sampled_from([None, 1, 4]))
def test_auroc_equals_scikit_learn_on_known_cells_ties_included(seed, n, levels):
    cells = tables(seed, n, levels)
    expected = [
        roc_auc_score(truth, scores) if 0 < truth.sum() < len(truth) else math.nan
        for truth, scores in columns(*cells)
    ]
    assert masked_auroc(*cells).tolist() == pytest.approx(expected, abs=1e-12, nan_ok=True)


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 40), levels=st.sampled_from([None, 1, 4]))
def test_the_pooled_auroc_equals_scikit_learn_on_all_known_cells(seed, n, levels):
    scores, target, known = tables(seed, n, levels)
    truth, found = target[known > 0].numpy(), scores[known > 0].double().numpy()
    defined = 0 < truth.sum() < len(truth)
    expected = roc_auc_score(truth, found) if defined else math.nan
    value = pooled_auroc(scores, target, known).item()
    assert value == pytest.approx(expected, abs=1e-12, nan_ok=True)


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 40), levels=st.sampled_from([None, 1, 4]))
def test_average_precision_equals_scikit_learn_on_known_cells_ties_included(seed, n, levels):
    cells = tables(seed, n, levels)
    expected = [
        average_precision_score(truth, scores) if 0 < truth.sum() < len(truth) else math.nan
        for truth, scores in columns(*cells)
    ]
    assert average_precision(*cells).tolist() == pytest.approx(expected, abs=1e-12, nan_ok=True)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10_000))
def test_log_loss_equals_scikit_learn_on_either_side(seed):
    scores, target, known = tables(seed)
    expected = {}
    for side, answer in (("present", 1), ("absent", 0)):
        chosen = (known > 0) & (target == answer)
        p = scores[chosen].double().numpy()
        expected[side] = log_loss([answer] * len(p), p, labels=[0, 1])
    expected["balanced"] = (expected["present"] + expected["absent"]) / 2
    for side in SIDES:
        value = masked_log_loss(scores, target, known, side)
        assert value.item() == pytest.approx(expected[side], abs=1e-12)


@pytest.mark.parametrize(
    "function", [masked_auroc, pooled_auroc, average_precision, masked_log_loss]
)
def test_what_lies_in_unknown_cells_has_no_influence(function):
    scores, target, known = tables(0)
    changed = torch.where(known > 0, scores, 1.0), torch.where(known > 0, target, torch.nan)
    assert torch.equal(function(*changed, known), function(scores, target, known))


@pytest.mark.parametrize(
    "function", [masked_auroc, pooled_auroc, average_precision, masked_log_loss]
)
def test_without_known_everything_is_known(function):
    scores, target, _ = tables(0)
    assert torch.equal(function(scores, target), function(scores, target, torch.ones_like(target)))


METRICS = {
    "auroc": (lambda: MaskedAUROC(SPECIES), lambda *c: masked_auroc(*c).nanmean()),
    "pooled": (lambda: PooledAUROC(SPECIES), pooled_auroc),
    "average_precision": (
        lambda: MacroAveragePrecision(SPECIES),
        lambda *c: average_precision(*c).nanmean(),
    ),
    "present": (
        lambda: MaskedLogLoss("present"),
        lambda *c: masked_log_loss(*c, side="present"),
    ),
    "absent": (lambda: MaskedLogLoss("absent"), lambda *c: masked_log_loss(*c, side="absent")),
    "balanced": (MaskedLogLoss, masked_log_loss),
}


@pytest.mark.parametrize("name", METRICS)
@settings(deadline=None, max_examples=8)
@given(seed=st.integers(0, 10_000), sizes=st.lists(st.integers(0, 9), min_size=1, max_size=5))
def test_batches_of_any_size_give_what_one_call_gives(name, seed, sizes):
    make, function = METRICS[name]
    cells = tables(seed, 20 + sum(sizes))
    metric = make()
    for batch in zip(*(t.split([*sizes, 20]) for t in cells), strict=True):
        metric.update(*batch)
    torch.testing.assert_close(metric.compute(), function(*cells))


@pytest.mark.parametrize("name", METRICS)
def test_nothing_known_leaves_it_undefined_and_reset_forgets(name):
    metric, function = METRICS[name][0](), METRICS[name][1]
    scores, target, known = tables(0)
    metric.update(scores, target, 0 * known)
    assert metric.compute().isnan()
    metric.reset()
    metric.update(scores, target, known)
    torch.testing.assert_close(metric.compute(), function(scores, target, known))


@pytest.mark.parametrize("name", METRICS)
def test_without_an_update_it_is_undefined_and_torchmetrics_warns(name):
    with pytest.warns(UserWarning, match="before the ``update``"):
        assert METRICS[name][0]().compute().isnan()


def test_a_collection_that_shares_states_keeps_the_metrics_apart():
    collection = MetricCollection({name: make() for name, (make, _) in METRICS.items()})
    cells = tables(3)
    collection.update(*(tensor[:0] for tensor in cells))  # states are still all alike
    collection.update(cells[0], cells[1], (cells[1] == 1).float())  # only presences are known
    collection.update(*cells)
    everything = (
        cells[0].repeat(2, 1),
        cells[1].repeat(2, 1),
        torch.cat([(cells[1] == 1).float(), cells[2]]),
    )
    for name, value in collection.compute().items():
        torch.testing.assert_close(value, METRICS[name][1](*everything))


@pytest.mark.parametrize("make", [MaskedAUROC, MacroAveragePrecision])
def test_a_species_that_does_not_define_it_is_left_out_of_the_mean(make):
    scores, target, known = tables(1)
    target[:, 2] = 0
    metric = make(SPECIES)
    metric.update(scores, target, known)
    values = metric.per_species()
    assert values.isnan().tolist() == [False, False, True, False]
    torch.testing.assert_close(metric.compute(), values[[0, 1, 3]].mean())


def test_constant_scores_have_an_auroc_of_one_half_and_the_prevalence_as_precision():
    _, target, _ = tables(0)
    constant = torch.full_like(target, 0.3)
    assert masked_auroc(constant, target).tolist() == [0.5] * SPECIES
    torch.testing.assert_close(average_precision(constant, target), target.double().mean(0))


def test_only_the_pooled_auroc_asks_that_species_can_be_compared():
    scores, target, known = tables(0)
    biased = scores + torch.arange(SPECIES)
    assert torch.equal(masked_auroc(biased, target, known), masked_auroc(scores, target, known))
    assert pooled_auroc(target + torch.arange(SPECIES), target, known) < 1
    assert pooled_auroc(target, target, known) == 1


def test_perfect_scores_are_perfect():
    _, target, known = tables(0)
    assert masked_auroc(target, target, known).tolist() == [1.0] * SPECIES
    assert masked_auroc(1 - target, target, known).tolist() == [0.0] * SPECIES
    assert average_precision(target, target, known).tolist() == [1.0] * SPECIES
    assert masked_log_loss(target, target, known).item() == pytest.approx(0, abs=1.1e-7)


def test_a_certain_mistake_costs_what_eps_allows():
    score, target = torch.zeros(1, 1), torch.ones(1, 1)
    value = masked_log_loss(score, target, side="present", eps=1e-3)
    assert value.item() == pytest.approx(-math.log(1e-3))
    value = masked_log_loss(target, score, side="absent", eps=1e-3)
    assert value.item() == pytest.approx(-math.log(1e-3))


def test_log_loss_of_a_missing_side_is_undefined():
    scores, target = torch.full((1, 2), 0.5), torch.ones(1, 2)
    assert masked_log_loss(scores, target, side="present").item() == pytest.approx(math.log(2))
    assert masked_log_loss(scores, target, side="absent").isnan()
    assert masked_log_loss(scores, target, side="balanced").isnan()


def test_wrong_arguments_are_refused():
    cells = torch.zeros(2, SPECIES)
    with pytest.raises(ValueError, match="from 2 to 2; apply a sigmoid"):
        masked_log_loss(cells + 2, cells)
    with pytest.raises(ValueError, match="NaN"):
        MaskedAUROC(SPECIES).update(cells + torch.nan, cells, cells)
    with pytest.raises(ValueError, match="expected 3 species"):
        MaskedAUROC(3).update(cells, cells, cells)
    with pytest.raises(ValueError, match="present, absent or balanced"):
        MaskedLogLoss("both")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="eps"):
        MaskedLogLoss(eps=0.0)
    with pytest.raises(ValueError, match="eps"):
        MaskedLogLoss(eps=0.5)
