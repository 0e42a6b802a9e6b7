from __future__ import annotations

import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor
from torchmetrics import MetricCollection

from rfcx_audio.metric import MaskedAUROC, UnlabelledAUROC, as_unlabelled, masked_auroc

RECORDINGS, WINDOWS, SPECIES = 30, 5, 4


def tables(seed: int = 0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Scores, target, known, recording of windows, a third of the cells known."""
    generator = torch.Generator().manual_seed(seed)
    shape = (RECORDINGS * WINDOWS, SPECIES)
    scores = torch.rand(shape, generator=generator)
    target = (torch.rand(shape, generator=generator) < 0.2).float()
    known = (torch.rand(shape, generator=generator) < 0.3).float()
    return scores, target, known, torch.arange(RECORDINGS).repeat_interleave(WINDOWS)


def test_presences_stand_against_recordings_without_a_known_one() -> None:
    scores, target, known, recording = tables()
    found = masked_auroc(scores, *as_unlabelled(target, known, recording))
    for species in range(SPECIES):
        present = (target[:, species] > 0) & (known[:, species] > 0)
        others = ~torch.isin(recording, recording[present])
        truth = torch.cat([torch.ones(int(present.sum())), torch.zeros(int(others.sum()))])
        values = torch.cat([scores[present, species], scores[others, species]])
        assert found[species].item() == pytest.approx(roc_auc_score(truth, values))


def test_recordings_one_by_one_give_what_all_at_once_give() -> None:
    scores, target, known, recording = tables()
    metric = UnlabelledAUROC(SPECIES)
    for batch in zip(*(part.split(WINDOWS) for part in (scores, target, known)), strict=True):
        metric.update(*batch)
    expected = masked_auroc(scores, *as_unlabelled(target, known, recording)).nanmean()
    torch.testing.assert_close(metric.compute(), expected)
    metric.reset()
    metric.update(scores[:0], target[:0], known[:0])
    assert metric.compute().isnan()


def test_the_area_is_the_true_one_drawn_towards_one_half_by_what_is_wrongly_absent() -> None:
    generator = torch.Generator().manual_seed(1)
    truth = (torch.rand(20_000, 1, generator=generator) < 0.4).float()
    scores = torch.randn(truth.shape, generator=generator) + truth
    known = truth * (torch.rand(truth.shape, generator=generator) < 0.2)
    target, counted = as_unlabelled(truth, known, torch.arange(len(truth)))
    absent = (counted > 0) & (target < 0.5)
    share = (truth[absent] < 0.5).double().mean()
    found, true = masked_auroc(scores, target, counted), masked_auroc(scores, truth)
    torch.testing.assert_close(found - 0.5, share * (true - 0.5), atol=0.01, rtol=0)


def test_in_a_collection_it_keeps_its_own_cells() -> None:
    scores, target, known, _ = tables()
    collection = MetricCollection({"one": MaskedAUROC(SPECIES), "two": UnlabelledAUROC(SPECIES)})
    collection.update(scores[:0], target[:0], known[:0])  # states are still all alike
    alone = UnlabelledAUROC(SPECIES)
    for batch in zip(*(part.split(WINDOWS) for part in (scores, target, known)), strict=True):
        collection.update(*batch)
        alone.update(*batch)
    found = collection.compute()
    torch.testing.assert_close(found["one"], masked_auroc(scores, target, known).nanmean())
    torch.testing.assert_close(found["two"], alone.compute())
