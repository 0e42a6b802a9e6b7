from __future__ import annotations

import math

import pytest
import torch

from rfcx_audio.batch import Labels
from rfcx_audio.metric import masked_log_loss
from rfcx_audio.scores import (
    EnsembleError,
    combine,
    common_settings,
    fit_weights,
    given_weights,
)


def test_means_equal_plain_loops() -> None:
    scores, weights = torch.rand(3, 5, 2), torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
    scores[:, 0, 0] = torch.tensor([0.0, 1.0, 0.5])
    mean, geometric, rank = (combine(scores, weights, how) for how in ("mean", "geometric", "rank"))
    for row in range(5):
        for species in range(2):
            values = scores[:, row, species].tolist()
            column = scores[:, :, species]
            below = (column < column[:, [row]]).sum(1).tolist()
            pairs = list(zip(weights.tolist(), values, strict=True))
            assert mean[row, species].item() == pytest.approx(sum(w * p for w, p in pairs))
            assert geometric[row, species].item() == pytest.approx(
                math.prod(max(p, 1e-6) ** w for w, p in pairs)
            )
            expected = sum(w * n / 4 for w, n in zip(weights.tolist(), below, strict=True))
            assert rank[row, species].item() == pytest.approx(expected)


def test_tied_scores_share_their_rank() -> None:
    scores = torch.tensor([0.2, 0.5, 0.5, 0.9])[None, :, None]
    ranks = combine(scores, torch.ones(1, dtype=torch.float64), "rank")
    assert ranks.flatten().tolist() == pytest.approx([0, 0.5, 0.5, 1])


def test_rank_mean_does_not_know_the_scale_of_a_member() -> None:
    scores, weights = torch.rand(2, 20, 3), given_weights([2, 1], 2)
    squared = torch.stack([scores[0] ** 2, scores[1]])
    assert torch.equal(combine(scores, weights, "rank"), combine(squared, weights, "rank"))


def test_an_unknown_combination_is_refused() -> None:
    with pytest.raises(ValueError, match="choose mean, rank or geometric"):
        combine(torch.rand(1, 2, 2), torch.ones(1), "median")  # type: ignore[arg-type]


def test_weights_are_normalised_and_checked() -> None:
    assert given_weights([3, 1], 2).tolist() == [0.75, 0.25]
    assert given_weights(None, 4).tolist() == [0.25] * 4
    for wrong in ([1], [1, -1], [0, 0], [1, float("nan")]):
        with pytest.raises(EnsembleError, match="expected 2 numbers of at least 0"):
            given_weights(wrong, 2)


@pytest.fixture
def given() -> tuple[torch.Tensor, Labels]:
    """A good, a fair and a random member, with a tenth of the cells known."""
    generator = torch.Generator().manual_seed(0)
    target = (torch.rand(200, 12, generator=generator) < 0.3).float()
    known = (torch.rand(200, 12, generator=generator) < 0.1).float()
    noise = torch.randn(3, 200, 12, generator=generator)
    use = torch.tensor([2.0, 1.0, 0.0])[:, None, None]
    return (use * (2 * target - 1) + noise).sigmoid(), Labels(target, known)


@pytest.mark.parametrize("how", ["mean", "geometric"])
def test_fitted_weights_are_as_good_as_a_grid_of_them(
    given: tuple[torch.Tensor, Labels], how: str
) -> None:
    scores, labels = given

    def loss(weights: torch.Tensor) -> float:
        return masked_log_loss(combine(scores, weights, how), *labels).item()

    found = fit_weights(scores, labels, how)
    assert found.sum().item() == pytest.approx(1)
    assert (found >= 0).all()
    steps = [(a, b, 50 - a - b) for a in range(51) for b in range(51 - a)]
    grid = [given_weights(step, 3) for step in steps]
    best = min(grid, key=loss)
    assert loss(found) <= loss(best) + 1e-9
    assert (found - best).abs().max() < 0.03


def test_unknown_cells_do_not_move_the_weights(given: tuple[torch.Tensor, Labels]) -> None:
    scores, labels = given
    other = torch.where(labels.known > 0, scores, torch.rand_like(scores))
    turned = Labels(torch.where(labels.known > 0, labels.target, 1 - labels.target), labels.known)
    assert torch.equal(fit_weights(scores, labels), fit_weights(other, turned))


def test_a_single_member_has_all_the_weight(given: tuple[torch.Tensor, Labels]) -> None:
    assert fit_weights(given[0][:1], given[1]).tolist() == [1.0]


def test_what_cannot_be_fitted_is_refused(given: tuple[torch.Tensor, Labels]) -> None:
    scores, labels = given
    with pytest.raises(EnsembleError, match="how=rank"):
        fit_weights(scores, labels, "rank")
    with pytest.raises(EnsembleError, match=r"0 present and .* fitting weights needs both"):
        fit_weights(scores, Labels(labels.target * 0, labels.known))


def test_settings_that_tables_share_are_kept_and_others_refused() -> None:
    made = {"duration_s": 6.0, "pool": "max", "frontend": "LogMel(a)", "tta": 3}
    shared = {name: made[name] for name in ("duration_s", "pool", "frontend")}
    assert common_settings({"a": made, "b": {**made, "tta": 1}, "c": {}}) == shared
    with pytest.raises(EnsembleError, match=r"b was made with pool = mean, a with max"):
        common_settings({"a": made, "b": {**made, "pool": "mean"}})
    other = {"a": made, "b": {**made, "frontend": "LogMel(b)"}}
    with pytest.raises(EnsembleError, match=r"b was made with frontend = LogMel\(b\), a with"):
        common_settings(other)
    assert "frontend" not in common_settings(other, mixed_frontends=True)
