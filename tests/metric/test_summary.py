from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, log_loss, roc_auc_score

from rfcx_audio.metric import compare, lwlrap, per_species, recording_summary, window_summary
from rfcx_audio.metric.lwlrap import label_precision


@pytest.fixture
def table() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    target = (
        torch.rand(200, 5, generator=generator) < torch.tensor([0.8, 0.4, 0.2, 0.1, 0.1])
    ).float()
    scores = (0.3 * target + 0.7 * torch.rand(200, 5, generator=generator)).clamp(0.01, 0.99)
    return scores, target


def test_a_perfect_model_scores_one_and_loses_by_shuffling(
    table: tuple[torch.Tensor, torch.Tensor],
) -> None:
    _, target = table
    perfect = recording_summary(target, target, torch.Generator().manual_seed(0))
    assert perfect["lwlrap"] == perfect["auc"] == perfect["average_precision"] == 1
    assert perfect["lwlrap_shuffled"] < 0.8


def test_baselines_come_first_and_know_what_they_should(
    table: tuple[torch.Tensor, torch.Tensor],
) -> None:
    scores, target = table
    compared = compare({"mine": scores}, target, torch.Generator().manual_seed(1))
    assert compared.index.to_list() == ["random", "prior only (true prevalence)", "mine"]
    prior = compared.loc["prior only (true prevalence)"]
    assert prior["auc"] == 0.5
    # One ranking for all recordings: shuffling them changes nothing.
    assert prior["lwlrap"] == pytest.approx(prior["lwlrap_shuffled"])
    assert compared.loc["random", "auc"] == pytest.approx(0.5, abs=0.1)
    assert compared.loc["mine", "lwlrap"] == pytest.approx(float(lwlrap(scores, target)))


def test_windows_are_judged_by_known_cells_only(table: tuple[torch.Tensor, torch.Tensor]) -> None:
    scores, target = table
    known = (torch.rand(200, 5, generator=torch.Generator().manual_seed(1)) < 0.3).float()
    garbage = torch.where(known > 0, target, 1 - target)
    summary = window_summary(scores, garbage, known)
    labelled = known.numpy() > 0
    s, y = scores.numpy(), target.numpy()
    aucs = [roc_auc_score(y[labelled[:, k], k], s[labelled[:, k], k]) for k in range(5)]
    assert summary["auc"] == pytest.approx(np.mean(aucs), abs=1e-6)
    present, absent = labelled & (y == 1), labelled & (y == 0)
    loss_present = log_loss(y[present], s[present], labels=[0, 1])
    loss_absent = log_loss(y[absent], s[absent], labels=[0, 1])
    assert summary["log_loss_present"] == pytest.approx(loss_present, abs=1e-5)
    assert summary["log_loss_absent"] == pytest.approx(loss_absent, abs=1e-5)
    assert summary["log_loss"] == pytest.approx((loss_present + loss_absent) / 2, abs=1e-5)
    assert (summary["cells_present"], summary["cells_absent"]) == (present.sum(), absent.sum())


def test_each_species_has_a_row(table: tuple[torch.Tensor, torch.Tensor]) -> None:
    scores, target = table
    known = (torch.rand(200, 5, generator=torch.Generator().manual_seed(2)) < 0.6).float()
    rows = per_species(scores, target, known)
    assert rows["species"].to_list() == list(range(5))
    assert rows["present"].to_list() == (known * target).sum(0).tolist()
    assert rows["absent"].to_list() == (known * (1 - target)).sum(0).tolist()
    labelled = known.numpy() > 0
    cells = [(target[labelled[:, k], k], scores[labelled[:, k], k]) for k in range(5)]
    expected = [average_precision_score(*one) for one in cells]
    assert rows["average_precision"].to_list() == pytest.approx(expected, abs=1e-6)
    expected = [roc_auc_score(*one) for one in cells]
    assert rows["auc"].to_list() == pytest.approx(expected, abs=1e-6)
    assert "lwlrap" not in rows  # the fewer absences are known, the better any ranking looks
    everything = per_species(scores, target, torch.ones_like(target))
    assert everything["lwlrap"].to_list() == label_precision(scores, target).precision.tolist()


def test_presences_alone_define_no_precision() -> None:
    scores = torch.tensor([[0.2, 0.7], [0.9, 0.1]])
    rows = per_species(scores, torch.ones(2, 2), torch.tensor([[1.0, 0.0], [1.0, 1.0]]))
    assert rows["present"].to_list() == [2, 1]
    assert rows[["auc", "average_precision"]].isna().all(axis=None)


def test_a_target_of_one_half_is_present() -> None:
    half, known = torch.full((1, 1), 0.5), torch.ones(1, 1)
    summary = window_summary(half, half, known)
    assert (summary["cells_present"], summary["cells_absent"]) == (1, 0)
    row = per_species(half, half, known).loc[0]
    assert (row["present"], row["absent"]) == (1, 0)


def test_only_the_generator_is_drawn_from(table: tuple[torch.Tensor, torch.Tensor]) -> None:
    def drawn(global_seed: int) -> list[list[float]]:
        torch.manual_seed(global_seed)
        return compare({}, table[1], torch.Generator().manual_seed(0)).to_numpy().tolist()

    assert drawn(1) == drawn(2)
