from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import label_ranking_average_precision_score

from rfcx_audio.metric import Lwlrap, lwlrap
from rfcx_audio.metric.lwlrap import label_precision

SPECIES = 7


def tables(seed: int, n: int = 20, levels: int | None = None) -> tuple[torch.Tensor, ...]:
    """Scores (with ties if `levels` is given), target and known."""
    generator = torch.Generator().manual_seed(seed)
    scores = torch.rand(n, SPECIES, generator=generator, dtype=torch.float64)
    if levels is not None:
        scores = (levels * scores).floor() / levels
    target = (torch.rand(n, SPECIES, generator=generator) < 0.3).double()
    known = (torch.rand(n, SPECIES, generator=generator) < 0.6).double()
    return scores, target, known


def sklearn_lwlrap(scores: torch.Tensor, target: torch.Tensor) -> float:
    labelled = target.sum(1) > 0
    return label_ranking_average_precision_score(
        target[labelled].numpy(),
        scores[labelled].numpy(),
        sample_weight=target[labelled].sum(1).numpy(),
    )


def looped(scores: torch.Tensor, target: torch.Tensor, known: torch.Tensor) -> float:
    """The definition: recording by recording, label by label, over known species only."""
    precisions = []
    for s, t, k in zip(scores.tolist(), target.tolist(), known.tolist(), strict=True):
        row = [
            (score, present == 1)
            for score, present, labelled in zip(s, t, k, strict=True)
            if labelled
        ]
        for score, present in row:
            if present:
                rank = sum(other >= score for other, _ in row)
                hits = sum(other >= score for other, also in row if also)
                precisions.append(hits / rank)
    return float(np.mean(precisions)) if precisions else float("nan")


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(1, 30),
    levels=st.sampled_from([None, 1, 2, 5]),
)
def test_it_equals_scikit_learn_on_complete_truth_ties_included(seed, n, levels):
    scores, target, _ = tables(seed, n, levels)
    target[0, 0] = 1
    assert lwlrap(scores, target).item() == pytest.approx(sklearn_lwlrap(scores, target), abs=1e-12)


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 20), levels=st.sampled_from([None, 3]))
def test_unknown_cells_are_left_out_of_the_ranking(seed, n, levels):
    scores, target, known = tables(seed, n, levels)
    expected = pytest.approx(looped(scores, target, known), abs=1e-12, nan_ok=True)
    assert lwlrap(scores, target, known).item() == expected


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10_000))
def test_what_lies_in_unknown_cells_has_no_influence(seed):
    scores, target, known = tables(seed)
    expected = lwlrap(scores, target, known)
    scores = torch.where(known > 0, scores, 1e9)
    target = torch.where(known > 0, target, torch.nan)
    assert torch.equal(lwlrap(scores, target, known), expected)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10_000))
def test_only_the_order_within_a_recording_matters(seed):
    scores, target, known = tables(seed)
    row_by_row = (torch.arange(20.0).unsqueeze(1) + 1) * scores.logit() - 3
    assert torch.equal(lwlrap(row_by_row, target, known), lwlrap(scores, target, known))


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10_000), sizes=st.lists(st.integers(0, 9), min_size=1, max_size=5))
def test_batches_of_any_size_give_what_one_update_gives(seed, sizes):
    scores, target, known = tables(seed, sum(sizes) + 1)
    target[0, 0] = known[0, 0] = 1
    metric = Lwlrap(SPECIES)
    for batch in zip(*(t.split([*sizes, 1]) for t in (scores, target, known)), strict=True):
        metric.update(*batch)
    torch.testing.assert_close(metric.compute(), lwlrap(scores, target, known))


def test_the_mean_of_batches_is_another_number():
    scores, target, _ = tables(0)
    batches = [lwlrap(s, t) for s, t in zip(scores.split(4), target.split(4), strict=True)]
    assert abs(torch.stack(batches).mean() - lwlrap(scores, target)) > 1e-3


def test_each_species_adds_its_share():
    scores, target, known = tables(1)
    target[:, 3] = 0
    metric = Lwlrap(SPECIES)
    metric.update(scores, target, known)
    precision, num_labels = metric.per_species()
    assert torch.equal(num_labels, (target * known).sum(0).long())
    assert precision[3].isnan()
    share = num_labels / num_labels.sum()
    torch.testing.assert_close((precision * share).nansum(), metric.compute())


def test_a_perfect_ranking_is_one_and_the_worst_has_a_closed_form():
    _, target, _ = tables(0)
    assert lwlrap(target, target).item() == 1
    one_label = torch.eye(SPECIES)
    assert lwlrap(-one_label, one_label).item() == pytest.approx(1 / SPECIES)


def test_equal_scores_rank_everything_last():
    _, target, _ = tables(0)
    labels = target.sum(1)
    expected = (labels * labels / SPECIES).sum() / labels.sum()
    torch.testing.assert_close(lwlrap(torch.zeros_like(target), target), expected)


def test_recordings_without_a_label_weigh_nothing():
    scores, target, _ = tables(0)
    padded = torch.cat([target, torch.zeros(9, SPECIES)])
    expected = lwlrap(scores, target)
    assert torch.equal(lwlrap(torch.cat([scores, torch.rand(9, SPECIES)]), padded), expected)


def test_truth_without_any_label_leaves_it_undefined():
    nothing = torch.zeros(3, SPECIES)
    assert lwlrap(nothing, nothing).isnan()
    metric = Lwlrap(SPECIES)
    metric.update(nothing, nothing, nothing)
    assert metric.compute().isnan()


def test_a_perfect_model_does_not_score_one_if_unknown_is_taken_for_absent():
    generator = torch.Generator().manual_seed(0)
    truth = (torch.rand(500, SPECIES, generator=generator) < 0.4).double()
    scores = truth + 1e-3 * torch.rand(500, SPECIES, generator=generator)
    kept = torch.zeros_like(truth)  # one positive a row
    kept.scatter_(1, (truth * torch.rand(500, SPECIES, generator=generator)).argmax(1)[:, None], 1)
    kept *= truth
    assert lwlrap(scores, truth).item() == 1
    assert lwlrap(scores, kept).item() < 0.7
    assert lwlrap(scores, kept, kept).item() == 1


def test_nan_scores_and_another_number_of_species_are_refused():
    cells = torch.zeros(2, SPECIES)
    with pytest.raises(ValueError, match="NaN"):
        lwlrap(cells.log() - cells.log(), cells)
    with pytest.raises(ValueError, match="expected 3 species"):
        Lwlrap(3).update(cells, cells, cells)


def test_the_precision_of_each_species_is_the_metrics():
    cells = tables(2)
    metric = Lwlrap(SPECIES)
    metric.update(*cells)
    precision, num_labels = label_precision(*cells)
    assert torch.equal(num_labels, metric.per_species().num_labels)
    assert num_labels.dtype == torch.int64
    torch.testing.assert_close(precision, metric.per_species().precision, equal_nan=True)
