from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import label_ranking_average_precision_score, log_loss, roc_auc_score
from torch import Tensor

from rfcx_audio.metric.partial import known_by_recording, partial_summary

RECORDINGS, WINDOWS, SPECIES = 30, 5, 4


@pytest.fixture
def windows() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Scores, target, known, recording of windows, a third of the cells known."""
    generator = torch.Generator().manual_seed(0)
    shape = (RECORDINGS * WINDOWS, SPECIES)
    scores = torch.rand(shape, generator=generator, dtype=torch.float64)
    target = (torch.rand(shape, generator=generator) < 0.3).double()
    known = (torch.rand(shape, generator=generator) < 0.3).double()
    return scores, target, known, torch.arange(RECORDINGS).repeat_interleave(WINDOWS)


def summary(windows: tuple[Tensor, Tensor, Tensor, Tensor]) -> dict[str, float]:
    pooled = windows[0].view(RECORDINGS, WINDOWS, SPECIES).amax(1)
    return partial_summary(*windows, pooled)


def test_measures_of_all_cells_are_those_of_scikit_learn(
    windows: tuple[Tensor, Tensor, Tensor, Tensor],
) -> None:
    scores, target, known, _ = (part.numpy() for part in windows)
    found, here = summary(windows), known > 0
    present = (target > 0) & here
    assert found["auc_pooled"] == pytest.approx(roc_auc_score(target[here], scores[here]))
    weight = np.where(target[here] > 0, 1 / present.sum(), 1 / (here & ~present).sum())
    error = (scores[here] - target[here]) ** 2
    assert found["brier"] == pytest.approx(np.average(error, weights=weight))
    right = (scores[here] >= 0.5) == target[here]
    assert found["accuracy"] == pytest.approx(np.average(right, weights=weight))
    assert found["log_loss_unlabelled"] == pytest.approx(
        log_loss(present.ravel(), scores.ravel()), rel=1e-6
    )
    rows = present.any(1)
    assert found["lwlrap_windows"] == pytest.approx(
        label_ranking_average_precision_score(
            present[rows], scores[rows], sample_weight=present[rows].sum(1)
        )
    )


def test_recordings_are_known_as_far_as_their_windows_are(
    windows: tuple[Tensor, Tensor, Tensor, Tensor],
) -> None:
    scores, target, known, recording = windows
    highest, states, here = known_by_recording(*windows)
    for number in range(RECORDINGS):
        for species in range(SPECIES):
            cells = [
                (scores[w, species].item(), bool(target[w, species]))
                for w in torch.where(recording == number)[0]
                if known[w, species]
            ]
            held = [score for score, is_present in cells if is_present]
            assert here[number, species] == bool(cells)
            assert states[number, species] == bool(held)
            expected = max(held or [score for score, _ in cells], default=0)
            assert highest[number, species] == expected


def test_scores_alone_have_entropy_level_and_spread() -> None:
    scores = torch.full((4, 1), 0.5)
    pooled = torch.tensor([[0.25], [0.75]])
    target = torch.tensor([[1.0], [0.0], [1.0], [0.0]])
    found = partial_summary(scores, target, torch.ones(4, 1), torch.tensor([0, 0, 1, 1]), pooled)
    assert found["mean_score"] == 0.5
    assert found["entropy"] == pytest.approx(-(0.25 * np.log(0.25) + 0.75 * np.log(0.75)))
    assert found["spread"] == pytest.approx(np.log(3) * np.sqrt(2))


def test_a_perfect_model_is_best_by_every_measure_of_known_cells() -> None:
    target = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    found = partial_summary(target, target, torch.ones(2, 2), torch.tensor([0, 1]), target)
    for name in ("auc", "auc_pooled", "average_precision", "accuracy", "lwlrap_known"):
        assert found[name] == 1
    for name in ("log_loss", "brier"):
        assert found[name] == pytest.approx(0, abs=1e-6)
